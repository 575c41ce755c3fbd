import { loadConfig } from "../core/config/config.ts";
import { createLogger } from "../core/logging/create-logger.ts";
import { runUntilSignal } from "../core/process/run-until-signal.ts";
import { withRedis } from "../core/redis/with-redis.ts";
import { startGateway } from "./start-gateway.ts";

/** The gateway's process: `npm run start:gateway`. */
await runUntilSignal(async () => {
  const config = loadConfig();
  const logger = createLogger({ level: config.LOG_LEVEL, process: "gateway" });
  return { logger, running: await withRedis(config, logger, (ready) => startGateway(ready, logger)) };
});
