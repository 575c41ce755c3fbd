import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { CommandError } from "./command.ts";

/** The options of a command, by node:util; one that does not exist, lacks its value or stands alone is a CommandError. */
export function readFlags<T extends ParseArgsOptionsConfig>(args: string[], options: T) {
  try {
    return parseArgs({ args, options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
}
