import { loadConfig } from "../core/config/config.ts";
import { createLogger } from "../core/logging/create-logger.ts";
import { runUntilSignal } from "../core/process/run-until-signal.ts";
import { withRedis } from "../core/redis/with-redis.ts";
import { startWorker } from "./start-worker.ts";

/** Runs a worker as its environment says, until a signal ends it. */
export async function runWorker(): Promise<void> {
  await runUntilSignal(async () => {
    const config = loadConfig();
    const logger = createLogger({ level: config.LOG_LEVEL, process: "worker" });
    return { logger, running: await withRedis(config, logger, (ready) => startWorker(ready, logger)) };
  });
}
