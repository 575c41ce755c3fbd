import type { Terminal } from "./command.ts";

const everyMs = 2000;

/** Counts, and says every two seconds how far long work has come. */
export function showProgress(terminal: Terminal, describe: (count: number) => string): (more: number) => void {
  let count = 0;
  let next = performance.now() + everyMs;
  return (more) => {
    count += more;
    if (performance.now() < next) return;
    next = performance.now() + everyMs;
    terminal.err(`${describe(count)}\n`);
  };
}
