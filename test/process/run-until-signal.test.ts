import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";

test.each(["SIGTERM", "SIGINT"] as const)(
  "[W63] %s while a process starts stops it when it has started: drained, with exit code 0",
  async (signal) => {
    const child = spawn(process.execPath, [new URL("slow-start.ts", import.meta.url).pathname]);
    onTestFinished(() => void child.kill("SIGKILL"));
    const ended = once(child, "exit");
    let said = "";
    child.stdout.on("data", (text) => {
      said += text;
    });
    await once(child.stdout, "data");
    child.kill(signal);
    child.stdin.write("go\n");
    expect(await ended).toEqual([0, null]);
    expect(said).toBe("starting\nstarted\nclosed\n");
  },
);
