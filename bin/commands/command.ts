/** Where a command writes: its result to one, everything else to the other. */
export interface Terminal {
  out(text: string): Promise<void>;
  err(text: string): void;
}

/** One `callseal <name>`; resolves with its exit code: 0 well, 1 something is wrong with what was looked at. */
export interface Command {
  name: string;
  summary: string;
  help: string;
  run(args: string[], terminal: Terminal): Promise<number>;
}

/** What the person at the terminal can mend; told without a stack, exit code 2. */
export class CommandError extends Error {}
