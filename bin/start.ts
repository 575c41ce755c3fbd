import { loadConfig } from "../core/config/config.ts";
import { createLogger } from "../core/logging/create-logger.ts";
import { runUntilSignal } from "../core/process/run-until-signal.ts";
import { withRedis } from "../core/redis/with-redis.ts";
import { startGateway } from "../server/start-gateway.ts";
import { startWorker } from "../worker/start-worker.ts";

/** `npm start`: gateway, worker and, without `REDIS_URL`, a private Redis in one process. For a developer's machine. */
await runUntilSignal(async () => {
  const config = loadConfig();
  const logger = createLogger({ level: config.LOG_LEVEL, process: "callseal" });
  const running = await withRedis(config, logger, async (ready) => {
    const gateway = await startGateway(ready, logger);
    const worker = await startWorker({ ...ready, PORT: undefined, CALLSEAL_PUBLIC_URL: gateway.url }, logger);
    return {
      close: async () => {
        await gateway.close();
        await worker.close();
      },
    };
  });
  return { logger, running };
});
