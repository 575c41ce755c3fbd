import { ConfigError } from "../config/config.ts";
import type { Logger } from "../logging/create-logger.ts";

export interface Running {
  close(): Promise<void>;
}

/** A drain takes less than this, or the process ends without it (PROTOCOL §9). */
const drainDeadlineMs = 10_000;

interface Started {
  logger: Logger;
  running: Running;
}

/**
 * Runs a process until SIGTERM or SIGINT, then drains it: exit code 0 when it stopped in time, 1 when it did not or
 * could not start. A signal that comes while it starts stops it as soon as it has started. What is wrong with the
 * configuration is told plainly, without a stack.
 */
export async function runUntilSignal(start: () => Promise<Started>): Promise<void> {
  // Signals are listened for before it starts: whoever is told that it is ready may stop it at once.
  const starting = Promise.resolve().then(start);
  void firstSignal().then((signal) => stop(starting, signal));
  try {
    const { logger } = await starting;
    process.on("unhandledRejection", (err) => logger.error({ err }, "promise.unhandled"));
  } catch (error) {
    process.stderr.write(
      `${error instanceof ConfigError ? error.message : ((error as Error).stack ?? String(error))}\n`,
    );
    process.exit(1);
  }
}

function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve(signal));
  });
}

async function stop(starting: Promise<Started>, signal: string): Promise<void> {
  let logger: Logger | undefined;
  const tooLate = setTimeout(() => {
    logger?.error({ reason: "the drain took too long" }, "process.killed");
    end(logger, 1);
  }, drainDeadlineMs);
  const started = await starting;
  logger = started.logger;
  logger.info({ signal }, "process.stopping");
  try {
    await started.running.close();
  } catch (err) {
    logger.error({ err }, "process.stop_failed");
    end(logger, 1);
  }
  clearTimeout(tooLate);
  end(logger, 0);
}

function end(logger: Logger | undefined, code: number): never {
  logger?.flush();
  process.exit(code);
}
