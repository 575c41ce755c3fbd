import { join } from "node:path";
import type { Config } from "../config/config.ts";
import type { Logger } from "../logging/create-logger.ts";
import type { Running } from "../process/run-until-signal.ts";
import { startEmbeddedRedis } from "./embedded-redis.ts";

/** Starts a process part over `REDIS_URL`, or over a private redis-server of its own when there is none (development). */
export async function withRedis(
  config: Config,
  logger: Logger,
  start: (config: Config & { REDIS_URL: string }) => Promise<Running>,
): Promise<Running> {
  if (config.REDIS_URL !== undefined) return start({ ...config, REDIS_URL: config.REDIS_URL });
  const redis = await startEmbeddedRedis({ dataFolder: join(config.CALLSEAL_DATA_FOLDER, "redis") });
  logger.warn({ port: redis.port, folder: config.CALLSEAL_DATA_FOLDER, remedy: "set REDIS_URL" }, "redis.embedded");
  try {
    const running = await start({ ...config, REDIS_URL: redis.url });
    return {
      close: async () => {
        await running.close();
        await redis.close();
      },
    };
  } catch (error) {
    await redis.close();
    throw error;
  }
}
