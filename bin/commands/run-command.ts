import { type Command, CommandError, type Terminal } from "./command.ts";

/** What an operator does by hand. Only the command that is asked for is loaded. */
const commands: readonly { name: string; summary: string; load: () => Promise<Command> }[] = [
  {
    name: "audit verify",
    summary: "check the audit trail, in Redis or in an export",
    load: async () => (await import("./audit-verify.ts")).auditVerify,
  },
  {
    name: "audit export",
    summary: "write the audit trail as JSON Lines",
    load: async () => (await import("./audit-export.ts")).auditExport,
  },
  {
    name: "audit prune",
    summary: "remove from Redis what was exported and anchored",
    load: async () => (await import("./audit-prune.ts")).auditPrune,
  },
  {
    name: "notifications list",
    summary: "show events that could not be delivered to a tenant's webhook",
    load: async () => (await import("./notifications-list.ts")).notificationsList,
  },
  {
    name: "notifications replay",
    summary: "send again what could not be delivered",
    load: async () => (await import("./notifications-replay.ts")).notificationsReplay,
  },
];

/** Runs `callseal <words>` and resolves with its exit code. Never rejects. */
export async function runCommand(words: string[], terminal: Terminal): Promise<number> {
  const [group = "help", action = "", ...args] = words;
  const entry = commands.find(({ name }) => name === `${group} ${action}`);
  if (entry === undefined) return await answerWithoutCommand(words, terminal);
  try {
    const command = await entry.load();
    if (asksForHelp(args)) {
      await terminal.out(command.help);
      return 0;
    }
    return await command.run(args, terminal);
  } catch (error) {
    // An exit code of 1 says that something is wrong with what was looked at, so a fault of our own must not end with it.
    const { message, stack = message } = error as Error;
    terminal.err(`callseal ${entry.name}: ${error instanceof CommandError ? message : stack}\n`);
    return 2;
  }
}

async function answerWithoutCommand(words: string[], terminal: Terminal): Promise<number> {
  const topic = words[0] === "help" ? words.slice(1).join(" ") : "";
  const named = commands.find(({ name }) => name === topic);
  if (named) {
    await terminal.out((await named.load()).help);
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
