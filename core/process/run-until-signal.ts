import { ConfigError } from "../config/config.ts";
import type { Logger } from "../logging/create-logger.ts";

export interface Running {
  close(): Promise<void>;
}

/** A drain takes less than this, or the process ends without it (PROTOCOL §9). */
const drainDeadlineMs = 10_000;

/**
 * Runs a process until SIGTERM or SIGINT, then drains it: exit code 0 when it stopped in time, 1 when it did not or
 * could not start. What is wrong with the configuration is told plainly, without a stack.
 */
export async function runUntilSignal(start: () => Promise<{ logger: Logger; running: Running }>): Promise<void> {
  let started: { logger: Logger; running: Running };
  try {
    started = await start();
  } catch (error) {
    process.stderr.write(
      `${error instanceof ConfigError ? error.message : ((error as Error).stack ?? String(error))}\n`,
    );
    process.exit(1);
  }
  const { logger, running } = started;
  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) return;
    stopping = true;
    logger.info({ signal }, "process.stopping");
    const tooLate = setTimeout(() => end(logger, 1, "the drain took too long"), drainDeadlineMs);
    running.close().then(
      () => {
        clearTimeout(tooLate);
        end(logger, 0);
      },
      (err: unknown) => {
        logger.error({ err }, "process.stop_failed");
        end(logger, 1);
      },
    );
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  process.on("unhandledRejection", (err) => logger.error({ err }, "promise.unhandled"));
}

function end(logger: Logger, code: number, reason?: string): void {
  if (reason) logger.error({ reason }, "process.killed");
  logger.flush();
  process.exit(code);
}
