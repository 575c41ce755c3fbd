import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger } from "pino";

/** Names whose values never reach a log, wherever they stand in an event. */
const secretNames = [
  "did",
  "token",
  "proof",
  "jws",
  "receipt",
  "signature",
  "authorization",
  "apiKey",
  "authToken",
  "authTokens",
  "activationCode",
  "ani",
  "phone",
  "phones",
  "nonce",
  "secret",
  "secrets",
  "accessKeySecret",
];

/** JSON lines on standard output; one wide event per unit of work, `noun.participle`. */
export function createLogger(options: { level: string; process: string; destination?: DestinationStream }): Logger {
  const settings = {
    level: options.level,
    base: { process: options.process, pid: process.pid },
    messageKey: "event",
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level: string) => ({ level }) },
    redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`]), censor: "[redacted]" },
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
