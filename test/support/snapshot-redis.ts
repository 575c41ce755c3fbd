import { createHash } from "node:crypto";
import type { Redis } from "ioredis";

/**
 * Every key of a deployment with a digest of its value; counters of rate limits and the
 * queues, which are written in the background, are left out.
 */
export async function snapshotRedis(admin: Redis, prefix: string): Promise<Record<string, string>> {
  const keys = (await admin.keys("*")).filter((key) => key.includes(prefix) && !/:rate:|:queue\}/.test(key)).sort();
  const digests = await Promise.all(
    keys.map(async (key) => {
      const dumped = await admin.dumpBuffer(key);
      return [
        key,
        createHash("sha256")
          .update(dumped ?? "gone")
          .digest("hex"),
      ] as const;
    }),
  );
  return Object.fromEntries(digests);
}
