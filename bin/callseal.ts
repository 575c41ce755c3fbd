import { once } from "node:events";
import { auditExport } from "./commands/audit-export.ts";
import { auditVerify } from "./commands/audit-verify.ts";
import { type Command, CommandError, type Terminal } from "./commands/command.ts";
import { notificationsList } from "./commands/notifications-list.ts";
import { notificationsReplay } from "./commands/notifications-replay.ts";

/** `callseal <command>`: what an operator does by hand. `callseal help` lists the commands. */
const commands: readonly Command[] = [auditVerify, auditExport, notificationsList, notificationsReplay];

const terminal: Terminal = {
  async out(text) {
    if (!process.stdout.write(text)) await once(process.stdout, "drain");
  },
  err: (text) => void process.stderr.write(text),
};

process.exitCode = await main(process.argv.slice(2));

async function main(words: string[]): Promise<number> {
  const [group = "help", action = "", ...args] = words;
  const command = commands.find(({ name }) => name === `${group} ${action}`);
  if (command === undefined) return await answerWithoutCommand(words);
  try {
    if (asksForHelp(args)) {
      await terminal.out(command.help);
      return 0;
    }
    return await command.run(args, terminal);
  } catch (error) {
    // An exit code of 1 says that something is wrong with what was looked at, so a fault of our own must not end with it.
    const { message, stack = message } = error as Error;
    terminal.err(`callseal ${command.name}: ${error instanceof CommandError ? message : stack}\n`);
    return 2;
  }
}

async function answerWithoutCommand(words: string[]): Promise<number> {
  const topic = words[0] === "help" ? words.slice(1).join(" ") : "";
  const named = commands.find(({ name }) => name === topic);
  if (named) {
    await terminal.out(named.help);
    return 0;
  }
  const list = commands.map(({ name, summary }) => `  callseal ${name.padEnd(22)} ${summary}\n`).join("");
  const text = `Usage: callseal <command> [options]\n\n${list}\ncallseal <command> --help says more. The environment is that of the gateway: REDIS_URL and the rest.\n`;
  const known = words.length === 0 || words[0] === "help" || asksForHelp(words);
  if (known) await terminal.out(text);
  else terminal.err(`callseal: there is no command "${words.join(" ")}"\n\n${text}`);
  return known ? 0 : 2;
}

function asksForHelp(args: readonly string[]): boolean {
  return args.includes("--help") || args.includes("-h");
}
