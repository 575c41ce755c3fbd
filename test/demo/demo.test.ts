import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { waitFor } from "../support/wait-for.ts";

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

/** What a person sees who pastes the line into a shell. */
async function runShell(line: string): Promise<string> {
  const child = spawn("bash", ["-c", line], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
  await once(child, "close");
  return output;
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
    const { code, output } = await runDemo(["--once"]);
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

  test("[P22] stays up with a guide whose every command succeeds, and stops with 0 on SIGTERM", {
    timeout: 90_000,
  }, async () => {
    const child = spawn(process.execPath, ["bin/demo.ts", "--time-scale", "0.05"], {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
    await waitFor("the guide is printed", () => output.includes("Running until SIGTERM"), { withinMs: 60_000 });
    const lines = output.split("\n").map((line) => line.trim());
    const exports = lines.find((line) => line.startsWith("export GATEWAY="))!;
    const session = await runShell(`${exports}; ${lines.find((line) => line.includes("/caller/v1/sessions "))}`);
    const { sessionId } = JSON.parse(session) as { sessionId: string };
    const device = /zid_[A-Za-z0-9_-]{22}/.exec(
      await runShell(`${exports}; ${lines.find((line) => line.includes("/devices "))}`),
    )![0];
    const commands = lines.filter((line) => line.startsWith("curl ") && !line.includes("?wait="));
    const prepared = `${exports} SID=${sessionId} DEVICE=${device}`;
    const refused: string[] = [];
    for (const command of commands) {
      const answer = await runShell(
        `${prepared}; ${command.replaceAll("curl -s", "curl -s --fail-with-body")} || echo REFUSED`,
      );
      if (answer.includes("REFUSED")) refused.push(`${command}: ${answer}`);
    }
    child.kill("SIGTERM");
    const [code] = await once(child, "close");
    expect({ refused, code, enough: commands.length > 18 }).toEqual({ refused: [], code: 0, enough: true });
  });

  test("[P22] refuses an option that it does not know with 2 and the usage", async () => {
    const { code, output } = await runDemo(["--twice"]);
    expect({ code, output }).toEqual({ code: 2, output: expect.stringContaining("Usage: npm run demo") });
  });
});
