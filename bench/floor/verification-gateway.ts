import { createPublicKey, generateKeyPairSync, randomUUID, sign, verify } from "node:crypto";
import { createServer } from "node:http";
import { Queue } from "bullmq";
import express, { type Response } from "express";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { floorChannel, floorQueue, floorScript } from "./chain-settings.ts";
import { reportReady, setting } from "./report-ready.ts";

/**
 * The bare parts of whole verifications, in one process: two Express routes, two socket events, an EVALSHA each, one
 * verification, the two signatures that a device and an IVR get, one message, one BullMQ job. Nothing is looked up,
 * checked, limited, counted, logged or kept for an audit.
 */
const redis = new Redis(setting("REDIS_URL"), { replyMapping: "legacy" });
const subscriber = new Redis(setting("REDIS_URL"));
redis.defineCommand("floor_create", {
  numberOfKeys: 1,
  lua: 'redis.call("HSET", KEYS[1], unpack(ARGV)) redis.call("EXPIRE", KEYS[1], 960) return 1',
});
redis.defineCommand("floor_read", { numberOfKeys: 1, lua: 'return redis.call("HGETALL", KEYS[1])' });
redis.defineCommand("floor_confirm", { numberOfKeys: 1, lua: floorScript });
const run = redis as unknown as Record<string, (...args: string[]) => Promise<string[]>>;
const queue = new Queue(floorQueue, { connection: new Redis(setting("REDIS_URL")) });
const device = createPublicKey({ key: JSON.parse(setting("FLOOR_PUBLIC_JWK")), format: "jwk" });
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

/** As long as a challenge or a receipt. */
function signed(id: string): string {
  const input = `${"h".repeat(80)}.${id}${"c".repeat(600)}`;
  return `${input}.${sign("sha256", Buffer.from(input), privateKey).toString("base64url")}`;
}

const waiting = new Map<string, Response>();
/** Confirmed before their poll had come. */
const early = new Set<string>();
const answer = (id: string, response: Response) =>
  response.json({ sessionId: id, status: "confirmed", receipt: signed(id) });
await subscriber.subscribe(floorChannel);
subscriber.on("message", (_channel: string, id: string) => {
  const response = waiting.get(id);
  if (response) answer(id, response);
  else early.add(id);
  waiting.delete(id);
});

const app = express();
app.disable("x-powered-by");
app.set("etag", false);
app.use(express.json());
app.post("/sessions", async (request, response) => {
  const id = randomUUID();
  const fields = { ...(request.body as Record<string, string>), status: "pending", createdAt: String(Date.now()) };
  await run["floor_create"]!(`floor:{${id}}`, ...Object.entries(fields).flat());
  response.status(201).json({ sessionId: id, ...fields });
});
app.get("/sessions/:id", async (request, response) => {
  const { id } = request.params;
  if (!early.has(id)) waiting.set(id, response);
  await run["floor_read"]!(`floor:{${id}}`);
  if (early.delete(id)) answer(id, response);
});

const server = createServer(app);
const io = new Server(server, {
  transports: ["websocket"],
  serveClient: false,
  perMessageDeflate: false,
  httpCompression: false,
});
io.on("connection", (socket) => {
  socket.on("claim", async ({ id }: { id: string }, ack: (answer: object) => void) => {
    await run["floor_read"]!(`floor:{${id}}`);
    ack({ ok: true, challenge: signed(id) });
  });
  socket.on("confirm", async ({ id, proof }: { id: string; proof: string }, ack: (answer: object) => void) => {
    const end = proof.lastIndexOf(".");
    const signature = Buffer.from(proof.slice(end + 1), "base64url");
    const key = { key: device, dsaEncoding: "ieee-p1363" } as const;
    if (!verify("sha256", Buffer.from(proof.slice(0, end)), key, signature)) throw new Error("not verified");
    await run["floor_confirm"]!(`floor:{${id}}`, floorChannel, id);
    void queue.add("intercept", { id }, { removeOnComplete: true });
    ack({ ok: true });
  });
});
await reportReady(server);
