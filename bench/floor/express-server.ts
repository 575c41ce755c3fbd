import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import express from "express";
import { Redis } from "ioredis";
import { reportReady, setting } from "./report-ready.ts";

/** Express with one EVALSHA a request: a record is written and kept for a time, or read. */
const redis = new Redis(setting("REDIS_URL"), { replyMapping: "legacy" });
redis.defineCommand("floor_create", {
  numberOfKeys: 1,
  lua: 'redis.call("HSET", KEYS[1], unpack(ARGV)) redis.call("EXPIRE", KEYS[1], 960) return 1',
});
redis.defineCommand("floor_read", { numberOfKeys: 1, lua: 'return redis.call("HGETALL", KEYS[1])' });
const run = redis as unknown as {
  floor_create(key: string, ...fields: string[]): Promise<unknown>;
  floor_read(key: string): Promise<string[]>;
};

const app = express();
app.disable("x-powered-by");
app.set("etag", false);
app.use(express.json());
app.post("/sessions", async (request, response) => {
  const id = randomBytes(16).toString("base64url");
  const fields = { ...(request.body as Record<string, string>), status: "pending", createdAt: String(Date.now()) };
  await run.floor_create(`floor:{${id}}`, ...Object.entries(fields).flat());
  response.status(201).json({ sessionId: id, ...fields });
});
app.get("/sessions/:id", async (request, response) => {
  const flat = await run.floor_read(`floor:{${request.params.id}}`);
  const record: Record<string, string> = {};
  for (let index = 0; index < flat.length; index += 2) record[flat[index]!] = flat[index + 1]!;
  response.json(record);
});
await reportReady(createServer(app));
