import { createPublicKey, verify } from "node:crypto";
import { createServer } from "node:http";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { floorChannel, floorQueue, floorScript } from "./chain-settings.ts";
import { reportReady, setting } from "./report-ready.ts";

/**
 * The bare half of a confirmation that the device sees: one socket frame, one signature verification with a key at
 * hand, one EVALSHA, one acknowledgement; with FLOOR_QUEUE one BullMQ job as well. Nothing is checked or refused.
 */
const redis = new Redis(setting("REDIS_URL"), { replyMapping: "legacy" });
redis.defineCommand("floor_confirm", { numberOfKeys: 1, lua: floorScript });
const confirmIn = redis as unknown as { floor_confirm(key: string, channel: string, id: string): Promise<unknown> };
const key = createPublicKey({ key: JSON.parse(setting("FLOOR_PUBLIC_JWK")), format: "jwk" });
const queue =
  process.env["FLOOR_QUEUE"] === "1"
    ? new Queue(floorQueue, { connection: new Redis(setting("REDIS_URL")) })
    : undefined;

const server = createServer();
const io = new Server(server, {
  transports: ["websocket"],
  serveClient: false,
  perMessageDeflate: false,
  httpCompression: false,
});
io.on("connection", (socket) => {
  socket.on("echo", (_payload: unknown, ack: (answer: object) => void) => ack({ ok: true }));
  socket.on("confirm", async ({ id, proof }: { id: string; proof: string }, ack: (answer: object) => void) => {
    const end = proof.lastIndexOf(".");
    const input = Buffer.from(proof.slice(0, end));
    const signature = Buffer.from(proof.slice(end + 1), "base64url");
    if (!verify("sha256", input, { key, dsaEncoding: "ieee-p1363" }, signature)) throw new Error("not verified");
    await confirmIn.floor_confirm(`floor:{${id}}`, floorChannel, id);
    void queue?.add("intercept", { id }, { removeOnComplete: true });
    ack({ ok: true });
  });
});
await reportReady(server);
