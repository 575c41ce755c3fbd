import type { RedisClient } from "./connections.ts";
import { type Keyspace, partitionBase } from "./keys.ts";

/**
 * Whether one script may touch keys of different hash slots: so it is with one Redis, behind sentinels or not, and not
 * with Redis Cluster, nor with a proxy that looks like one Redis and is many
 * (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/, CROSSSLOT). Asked of Redis itself, once.
 */
export async function combinesSlots(redis: RedisClient, keyspace: Keyspace): Promise<boolean> {
  const [first, second] = [partitionBase(keyspace, 0), partitionBase(keyspace, Math.min(1, keyspace.partitions - 1))];
  try {
    await redis.eval("return 1", 2, first, second);
    return true;
  } catch (error) {
    if (error instanceof Error && /CROSSSLOT/i.test(error.message)) return false;
    throw error;
  }
}
