import { checkAnswer } from "../check-answer.ts";
import { type Entrance, FuzzFinding } from "../entrance.ts";
import { hostileText } from "../hostile-values.ts";
import type { FuzzRandom } from "../random.ts";
import { acme, keyOf } from "../tenants.ts";

/** What stands before HTTP, beside it, and is nearly it. */
const beginnings: readonly (() => Buffer)[] = [
  () => Buffer.from("16030100c8010000c40303", "hex"),
  () => Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  () => Buffer.from("GET /healthz\r\n\r\n"),
  () => Buffer.from("GET /healthz HTTP/0.9\r\n\r\n"),
  () => Buffer.from("GET /healthz HTTP/1.0\r\n\r\n"),
  () => Buffer.from("GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n"),
  () => Buffer.from("GET /healthz HTTP/1.1\r\n\r\n"),
  () => Buffer.from("GET /healthz HTTP/1.1\nHost: x\n\n"),
  () => Buffer.from("\r\n\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
  () => Buffer.from("CONNECT evil.test:443 HTTP/1.1\r\nHost: x\r\n\r\n"),
  () =>
    Buffer.from(
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ),
  () => Buffer.from("*1\r\n$4\r\nPING\r\n"),
];

/** Headers that decide where a message ends, and what is wrong with them. */
const framings: readonly string[] = [
  "Content-Length: -1",
  "Content-Length: 0x10",
  "Content-Length: 5\r\nContent-Length: 6",
  "Content-Length: 99999999999999999999999",
  "Content-Length: 100",
  "Content-Length: 16385",
  "Content-Length: 3, 3",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: chunked\r\nContent-Length: 5",
  "Transfer-Encoding: x, chunked",
  "Transfer-Encoding: chunked, identity",
  "Transfer-Encoding : chunked",
  "Transfer-Encoding:\tchunked\r\n folded",
  "Expect: 100-continue\r\nContent-Length: 2",
  "Expect: 200-ok",
  "Connection: close, Upgrade\r\nUpgrade: websocket",
  "Trailer: x",
  "TE: trailers",
  `X-Long: ${"x".repeat(20_000)}`,
  `${"X: y\r\n".repeat(3000)}Z: 1`,
  "No colon at all",
  "X\u0000: y",
  "X: a\u0000b",
  "X: a\rb",
  ": empty",
];

const bodies: readonly string[] = [
  "{}",
  '{"provider":"generic","callId":"raw"}',
  "5\r\nhello\r\n0\r\n\r\n",
  "5;ext=1\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
  "ffffffffffffffffff\r\nx",
  "-1\r\nx\r\n0\r\n\r\n",
  "5\r\nhel",
  "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
  "x".repeat(20_000),
];

/** Bytes for the HTTP parser: broken framing, smuggled and pipelined requests, cut and changed bytes. */
export const rawBytes: Entrance = {
  name: "raw bytes",
  weight: 5,
  async run({ random, live }) {
    const bytes = makeBytes(random);
    const cut = random.chance(0.2) ? random.below(bytes.length) : bytes.length;
    const exchange = await live.connections.pour([bytes.subarray(0, cut), bytes.subarray(cut)]);
    if (!exchange.closed) throw new FuzzFinding("a connection stayed open after its client left", bytes);
    try {
      const labels = exchange.answers.map((answer) =>
        checkAnswer(answer, { method: methodOf(bytes, answer.body), foreign: isForeign(bytes) }),
      );
      return labels.length === 0 ? "closed" : labels.length === 1 ? labels[0]! : "several answers";
    } catch (error) {
      throw error instanceof FuzzFinding ? new FuzzFinding(error.message, bytes) : error;
    }
  },
};

/** An answer to HEAD has no body, and which of several requests it answers is not known. */
function methodOf(bytes: Buffer, body: string): string {
  return body === "" && bytes.includes("HEAD") ? "HEAD" : "OPTIONS";
}

/** Engine.IO refuses an upgrade in its own words. */
function isForeign(bytes: Buffer): boolean {
  return /upgrade|socket\.io/i.test(bytes.toString("latin1"));
}

function makeBytes(random: FuzzRandom): Buffer {
  if (random.chance(0.15)) return random.pick(beginnings)();
  const requests = Array.from({ length: random.chance(0.2) ? 1 + random.below(8) : 1 }, () => makeRequest(random));
  const bytes = Buffer.from(requests.join(""), "latin1");
  return random.chance(0.35) ? changeBytes(random, bytes) : bytes;
}

function makeRequest(random: FuzzRandom): string {
  const method = random.pick(["POST", "POST", "GET", "HEAD", "get", "", "G\u0000T", "X".repeat(50)]);
  const path = random.pick([
    "/scramble/caller/v1/sessions",
    "/ivr/sessions",
    "/ivr/verify/start",
    "/healthz",
    "/admin/v1/subjects",
    "*",
    "",
    `/${hostileText(random)}`,
    `/${"a".repeat(17_000)}`,
  ]);
  const framing = random.chance(0.7) ? random.pick(framings) : "Content-Length: 2";
  const key = keyOf(acme.id, random.pick(["sessions", "admin"]));
  return `${method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n${framing}\r\n\r\n${random.pick(bodies)}`;
}

function changeBytes(random: FuzzRandom, bytes: Buffer): Buffer {
  let changed = Buffer.from(bytes);
  for (let time = 0; time <= random.below(4) && changed.length > 2; time += 1) {
    const at = random.below(changed.length);
    const until = Math.min(changed.length, at + 1 + random.below(20));
    switch (random.below(4)) {
      case 0:
        changed[at] = random.below(256);
        break;
      case 1:
        changed = Buffer.concat([changed.subarray(0, at), changed.subarray(until)]);
        break;
      case 2:
        changed = Buffer.concat([changed.subarray(0, at), random.bytes(1 + random.below(8)), changed.subarray(at)]);
        break;
      default:
        changed = Buffer.concat([changed.subarray(0, until), changed.subarray(at)]);
    }
  }
  return changed;
}
