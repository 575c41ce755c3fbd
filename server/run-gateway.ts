import { loadConfig } from "../core/config/config.ts";
import { createLogger } from "../core/logging/create-logger.ts";
import { runUntilSignal } from "../core/process/run-until-signal.ts";
import { withRedis } from "../core/redis/with-redis.ts";
import { startGateway } from "./start-gateway.ts";

/** Runs a gateway as its environment says, until a signal ends it. */
export async function runGateway(): Promise<void> {
  await runUntilSignal(async () => {
    const config = loadConfig();
    const logger = createLogger({ level: config.LOG_LEVEL, process: "gateway" });
    return { logger, running: await withRedis(config, logger, (ready) => startGateway(ready, logger)) };
  });
}
