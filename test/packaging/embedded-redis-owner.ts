import { startEmbeddedRedis } from "../../core/redis/embedded-redis.ts";

/** A process of its own that owns an embedded Redis and is then killed: `node embedded-redis-owner.ts [data folder]`. */
const [dataFolder] = process.argv.slice(2);
const redis = await startEmbeddedRedis(dataFolder === undefined ? {} : { dataFolder });
process.stdout.write(`${JSON.stringify({ pid: redis.pid, url: redis.url })}\n`);
