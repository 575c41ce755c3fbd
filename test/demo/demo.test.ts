import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

async function runDemo(args: string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, ["bin/demo.ts", ...args], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  const [code] = await once(child, "close");
  return { code, output };
}

/** The steps that the mission names, in the order in which they must happen. */
const steps = [
  "webhook to the gateway: /ivr/verify/start",
  "session created",
  "spoken: “Your verification code is",
  "app connected",
  "DID claimed",
  "call updated",
  "webhook to the gateway: /ivr/verify/success",
  "the IVR's verified page was fetched",
];

describe("the demo", () => {
  test("[P22] verifies and moves a live call, shows each step in order, and leaves with 0", {
    timeout: 60_000,
  }, async () => {
    const { code, output } = await runDemo(["--once", "--time-scale", "0.05"]);
    const positions = steps.map((step) => output.indexOf(step));
    expect({ code, output: output.slice(-200) }).toEqual({
      code: 0,
      output: expect.stringContaining("was verified and moved"),
    });
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
    expect(Math.min(...positions)).toBeGreaterThan(0);
    expect(output).toMatch(/confirmed: acknowledged [\d.]+ ms after/);
    expect(output).toMatch(/long poll answered: confirmed/);
  });

  test("[P22] leaves with 1 and the reason when the call cannot be moved", { timeout: 60_000 }, async () => {
    const { code, output } = await runDemo(["--once"], { CALLSEAL_SECRET: "too short" });
    expect({ code, output }).toEqual({
      code: 1,
      output: expect.stringContaining("CALLSEAL_SECRET: is shorter than 32 bytes"),
    });
    expect(output).toContain("The call did not move");
  });

  test("[P22] refuses an option that it does not know with 2 and the usage", async () => {
    const { code, output } = await runDemo(["--twice"]);
    expect({ code, output }).toEqual({ code: 2, output: expect.stringContaining("Usage: npm run demo") });
  });
});
