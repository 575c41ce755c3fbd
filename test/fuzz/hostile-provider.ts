import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { hostileText, writeJson } from "./hostile-values.ts";
import { mutateJson } from "./mutate-json.ts";
import { asHeaderValue } from "./mutate-request.ts";
import { FuzzRandom } from "./random.ts";

export interface HostileProvider {
  url: string;
  /** How often each kind of request was answered. */
  readonly answered: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/** The call that an intercept input is about, and back: the answer follows from the input's index. */
export const callIdOf = (index: number): string => `CAf${index.toString(16).padStart(31, "0")}`;
const callIdShape = /CA[0-9a-f]{32}/;

/**
 * Stands where Twilio, CXone and the tenant's endpoint are, and answers as none of them would: any status, JSON that is
 * not what it should be, headers out of range, bodies that are cut, endless or no HTTP at all.
 */
export async function startHostileProvider(seed: number): Promise<HostileProvider> {
  const answered = new Map<string, number>();
  let turns = 0;
  const server = createServer(async (request, response) => {
    const body = await readAll(request);
    const kind = kindOf(request.url ?? "");
    answered.set(kind, (answered.get(kind) ?? 0) + 1);
    turns += 1;
    const call = callIdShape.exec(`${request.url} ${body}`)?.[0];
    const random = new FuzzRandom(
      seed ^ 0x9120f1de,
      call === undefined ? turns : Number(`0x${call.slice(3)}`) + (turns % 2),
    );
    answer(random, response, kind);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answered,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    // Who asked has gone.
  }
  return Buffer.concat(chunks).toString("utf8");
}

function kindOf(path: string): string {
  if (path.startsWith("/token")) return "login";
  if (path.startsWith("/inContactAPI")) return "signal";
  return path.startsWith("/2010-04-01") ? "call" : "webhook";
}

const rightAnswers: Readonly<Record<string, unknown>> = {
  login: { access_token: "fuzz-access-token", expires_in: 3600 },
  call: { sid: "CA", status: "in-progress" },
  signal: {},
  webhook: {},
};
const twilioFault = { code: 21220, message: "Call is not in-progress. Cannot redirect.", status: 400 };
const statuses = [
  200, 200, 201, 202, 204, 206, 301, 302, 307, 400, 400, 401, 403, 404, 408, 409, 425, 429, 500, 502, 503, 599, 999,
];

function answer(random: FuzzRandom, response: ServerResponse, kind: string): void {
  const right = random.chance(0.2) && kind === "call" ? twilioFault : rightAnswers[kind];
  if (random.chance(kind === "login" ? 0.9 : 0.2)) {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(right));
    return;
  }
  if (random.chance(0.2)) {
    breakConnection(random, response);
    return;
  }
  const status = random.pick(statuses);
  const body = random.chance(0.1) ? Buffer.alloc(random.pick([70_000, 2_000_000]), "x") : mutateJson(random, right);
  response.writeHead(status, {
    "content-type": random.pick(["application/json", "text/html", "application/json; charset=utf-16", ""]),
    "x-odd": asHeaderValue(hostileText(random)).slice(0, 3000),
    ...(random.chance(0.5)
      ? {
          "retry-after": random.pick([
            "0",
            "1",
            "-1",
            "1e9",
            "99999999999",
            "Mon, 23 Nov 2026 00:00:00 GMT",
            "x",
            "Fri, 31 Feb 9999 99:99:99 GMT",
          ]),
        }
      : {}),
    ...(random.chance(0.2) ? { location: random.pick(["/", "http://127.0.0.1:1/", "file:///etc/passwd", "//"]) } : {}),
    ...(random.chance(0.1) ? { "content-encoding": "gzip" } : {}),
  });
  response.end(status === 204 ? undefined : body);
}

/** Answers that are no whole HTTP message. Silence costs an attempt its time, so it is rare. */
function breakConnection(random: FuzzRandom, response: ServerResponse): void {
  const { socket } = response;
  if (random.chance(0.05)) return;
  const bytes = random.pick([
    "",
    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\nx",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "HTTP/1.1 99999 X\r\n\r\n",
    "HTTP/2 200\r\n\r\n",
    `HTTP/1.1 200 OK\r\nX: ${"x".repeat(100_000)}\r\n\r\n`,
    `HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n${writeJson(hostileText(random)).slice(0, 10)}`,
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    random.hex(60),
  ]);
  socket?.end(Buffer.from(bytes, "latin1"), () => socket.destroy());
}
