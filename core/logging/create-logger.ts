import { type DestinationStream, type Logger as PinoLogger, pino } from "pino";
import { hideSecrets } from "./hide-secrets.ts";

/** Without children: what is bound to one would pass by the guard of its events. */
export type Logger = Pick<PinoLogger, "debug" | "info" | "warn" | "error" | "flush">;

/** JSON lines on standard output; one wide event per unit of work, `noun.participle`. */
export function createLogger(options: { level: string; process: string; destination?: DestinationStream }): Logger {
  const settings = {
    level: options.level,
    base: { process: options.process, pid: process.pid },
    messageKey: "event",
    timestamp: pino.stdTimeFunctions.isoTime,
    // The guard is a walk of its own: pino's redaction by paths cost more than all the rest of an event.
    formatters: { level: (level: string) => ({ level }), log: hideSecrets },
    serializers: { err: describeError },
  };
  return options.destination ? pino(settings, options.destination) : pino(settings);
}

/** What a log may say of an error: its kind, code, message and stack, and the same of its cause. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    message: error.message,
    ...(typeof code === "string" ? { code } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
