/** Where a command runs: its result goes to `out`, everything else to `err`. */
export interface Terminal {
  environment: Readonly<Record<string, string | undefined>>;
  out(text: string): Promise<void>;
  err(text: string): void;
}

/** One command of `callseal`; `run` resolves with its exit code: 0 well, 1 something is wrong with what was looked at. */
export interface Command {
  help: string;
  run(args: string[], terminal: Terminal): Promise<number>;
}

/** What the person at the terminal can mend; told without a stack, exit code 2. */
export class CommandError extends Error {}
