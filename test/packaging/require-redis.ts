import { startEmbeddedRedis } from "../../core/redis/embedded-redis.ts";

/** Fails the whole run at once, with the command to type, when no Redis can be started here. */
export default async function requireRedis(): Promise<void> {
  const redis = await startEmbeddedRedis();
  await redis.close();
}
