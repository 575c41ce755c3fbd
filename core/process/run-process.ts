import { type Config, loadConfig } from "../config/config.ts";
import { createLogger, type Logger } from "../logging/create-logger.ts";
import { withRedis } from "../redis/with-redis.ts";
import { type Running, runUntilSignal } from "./run-until-signal.ts";

/** Runs what `start` starts as the environment says, with its Redis, under this name in its log, until a signal ends it. */
export async function runProcess(
  name: string,
  start: (config: Config & { REDIS_URL: string }, logger: Logger) => Promise<Running>,
): Promise<void> {
  await runUntilSignal(async () => {
    const config = loadConfig();
    const logger = createLogger({ level: config.LOG_LEVEL, process: name });
    return { logger, running: await withRedis(config, logger, (ready) => start(ready, logger)) };
  });
}
