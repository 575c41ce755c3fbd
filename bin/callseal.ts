import { once } from "node:events";
import { runCommand } from "./commands/run-command.ts";

/** `callseal <command>`; `callseal help` lists the commands. */
process.exitCode = await runCommand(process.argv.slice(2), {
  environment: process.env,
  async out(text) {
    if (!process.stdout.write(text)) await once(process.stdout, "drain");
  },
  err: (text) => void process.stderr.write(text),
});
