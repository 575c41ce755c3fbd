import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type SessionDocument, SessionsClient, type SessionsClientOptions } from "../../client-sdk/src/ivr/index.ts";
import { catchError } from "./catch-error.ts";

interface Seen {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingMessage["headers"];
  body: unknown;
}
type Answer = { status: number; body?: unknown; headers?: Record<string, string> } | "cut" | "silence";

let seen: Seen[];
/** A stand-in of the gateway for what the client does with answers; each is given once, the last one from then on. */
let answers: Answer[];
let server: Server;
let baseUrl: string;

const pending: SessionDocument = {
  sessionId: "csn_1",
  callId: "CA123",
  provider: "twilio",
  status: "pending",
  terminal: false,
  generation: 1,
  createdAt: "2026-01-01T00:00:00.000Z",
  expiresAt: "2026-01-01T00:01:00.000Z",
  intercept: { status: "none" },
};
const confirmed = { ...pending, status: "confirmed", terminal: true, method: "did" };
const created = {
  sessionId: "csn_1",
  callId: "CA123",
  provider: "twilio",
  status: "pending",
  generation: 1,
  did: "482913",
  expiresAt: pending.expiresAt,
};
const ok = (body: unknown, headers = {}): Answer => ({ status: 200, body, headers });
const problem = (status: number, code: string, headers = {}): Answer => ({
  status,
  body: { type: "about:blank", title: code, status, code, correlationId: "corr-5678" },
  headers: { "content-type": "application/problem+json", ...headers },
});

beforeEach(async () => {
  [seen, answers] = [[], []];
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString("utf8");
    const { method, url, headers } = request;
    seen.push({ method, url, headers, body: text === "" ? undefined : JSON.parse(text) });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer === "silence" || answer === undefined) return;
    if (answer === "cut") return void request.socket.destroy();
    response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
    response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

const client = (options: Partial<SessionsClientOptions> = {}) =>
  new SessionsClient({ baseUrl, apiKey: "cs_test_key", backoffBaseMs: 1, ...options });

describe("[K27] every method speaks PROTOCOL §2", () => {
  const requests: [string, (sessions: SessionsClient) => Promise<unknown>, string, unknown, unknown][] = [
    [
      "create",
      (s) => s.create({ provider: "twilio", callId: "CA123", ani: "+14155550000" }),
      "POST /sessions",
      { provider: "twilio", callId: "CA123", ani: "+14155550000" },
      created,
    ],
    ["get", (s) => s.get("csn_1"), "GET /sessions/csn_1", undefined, pending],
    ["get with wait", (s) => s.get("csn_1", { waitSeconds: 10 }), "GET /sessions/csn_1?wait=10", undefined, pending],
    [
      "getByCall",
      (s) => s.getByCall("five9", "a/b?c#d é", { waitSeconds: 5 }),
      "GET /calls/five9/a%2Fb%3Fc%23d%20%C3%A9?wait=5",
      undefined,
      pending,
    ],
    ["cancel", (s) => s.cancel("csn_1"), "POST /sessions/csn_1/cancel", undefined, confirmed],
    [
      "loop",
      (s) => s.loop("csn_1", { index: 2, digit: "1" }),
      "POST /sessions/csn_1/loop",
      { index: 2, digit: "1" },
      { next: "prompt", status: "pending", remaining: 1 },
    ],
    [
      "callEnded",
      (s) => s.callEnded("csn_1", { durationSeconds: 92, disposition: "completed" }),
      "POST /sessions/csn_1/call-ended",
      { durationSeconds: 92, disposition: "completed" },
      pending,
    ],
    ["callEnded without details", (s) => s.callEnded("csn_1"), "POST /sessions/csn_1/call-ended", {}, pending],
  ];
  test.each(requests)("%s", async (_name, call, line, body, answer) => {
    answers = [ok(answer)];
    expect(await call(client())).toMatchObject(answer as object);
    const [request] = seen;
    expect(`${request?.method} ${request?.url?.replace("/scramble/caller/v1", "")}`).toBe(line);
    expect(request?.body).toEqual(body);
    expect(request?.headers.authorization).toBe("Bearer cs_test_key");
  });

  test("a creation says whether it was this one that made the session, and names its correlation id", async () => {
    const headers = { "x-correlation-id": "corr-1234" };
    answers = [{ status: 201, body: created, headers }, ok(created)];
    expect(await client().create({ provider: "twilio", callId: "CA123" })).toEqual({
      ...created,
      created: true,
      correlationId: "corr-1234",
    });
    expect(await client().create({ provider: "twilio", callId: "CA123" })).toEqual({ ...created, created: false });
  });

  test("a base URL may have a path, and a slash at its end", async () => {
    answers = [ok(pending)];
    await client({ baseUrl: `${baseUrl}/callseal/` }).get("csn_1");
    expect(seen[0]?.url).toBe("/callseal/scramble/caller/v1/sessions/csn_1");
  });

  test("[K28] a correlation id is sent with every attempt", async () => {
    answers = [problem(503, "unavailable"), ok(pending)];
    await client().get("csn_1", { correlationId: "my-call-0001" });
    expect(seen.map(({ headers }) => headers["x-correlation-id"])).toEqual(["my-call-0001", "my-call-0001"]);
  });
});

describe("[K29] faults", () => {
  test.each<[string, Answer]>([
    ["a lost connection", "cut"],
    ["503", problem(503, "unavailable")],
    ["500", problem(500, "internal")],
    ["429 with Retry-After", problem(429, "rate_limited", { "retry-after": "0" })],
    ["a proxy's 502", { status: 502, body: "<html>" }],
  ])("%s is retried with the same request", async (_name, fault) => {
    answers = [fault, fault, { status: 201, body: created }];
    expect((await client().create({ provider: "twilio", callId: "CA123" })).did).toBe("482913");
    expect(seen).toHaveLength(3);
    expect(new Set(seen.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  });

  test("the attempts are counted", async () => {
    answers = [problem(503, "unavailable")];
    expect((await catchError(client({ maxAttempts: 2 }).get("csn_1"))).code).toBe("unavailable");
    expect(seen).toHaveLength(2);
  });

  test.each([
    [400, "invalid_request"],
    [401, "unauthenticated"],
    [403, "forbidden"],
    [404, "not_found"],
    [409, "session_terminal"],
    [409, "reissue_exhausted"],
    [413, "payload_too_large"],
    [415, "unsupported_media_type"],
  ])("%i %s is typed and not retried", async (status, code) => {
    answers = [problem(status, code)];
    const error = await catchError(client().create({ provider: "twilio", callId: "CA123" }));
    expect(error).toMatchObject({ code, status, correlationId: "corr-5678", retryable: false });
    expect(seen).toHaveLength(1);
  });

  test("the faults of a body are listed", async () => {
    const errors = [{ pointer: "/callId", message: "is missing" }];
    answers = [{ status: 400, body: { code: "invalid_request", errors: [...errors, 7, { pointer: 1 }] } }];
    expect((await catchError(client().get("csn_1"))).errors).toEqual(errors);
  });

  test("a request that gets no answer ends with timeout, one that is aborted with aborted", async () => {
    answers = ["silence"];
    expect((await catchError(client({ timeoutMs: 20, maxAttempts: 1 }).get("csn_1"))).code).toBe("timeout");
    const controller = new AbortController();
    const aborted = catchError(client().get("csn_1", { signal: controller.signal }));
    controller.abort();
    expect((await aborted).code).toBe("aborted");
  });

  test("a redirect is not followed: the request carries a key", async () => {
    answers = [{ status: 302, headers: { location: `${baseUrl}/elsewhere` } }];
    expect((await catchError(client({ maxAttempts: 1 }).get("csn_1"))).code).toBe("network");
    expect(seen).toHaveLength(1);
  });

  const attackers: unknown[] = [
    "<html>",
    "",
    "[]",
    "null",
    {},
    { ...pending, status: "verified" },
    { ...pending, terminal: "true" },
    { ...pending, terminal: true },
    { ...confirmed, terminal: false },
    { ...pending, sessionId: 7 },
  ];
  test.each(attackers)("a status document %j is not believed", async (attacker) => {
    answers = [ok(attacker)];
    expect((await catchError(client().get("csn_1"))).code).toBe("invalid_response");
  });

  test.each(["", ".", "..", null, undefined])("the session id %j is sent nowhere", async (attacker) => {
    expect((await catchError(client().get(attacker as string))).code).toBe("invalid_argument");
    expect(seen).toEqual([]);
  });

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    "a wait of %d seconds is sent nowhere",
    async (attacker) => {
      expect((await catchError(client().get("csn_1", { waitSeconds: attacker }))).code).toBe("invalid_argument");
      expect(seen).toEqual([]);
    },
  );

  test("no error carries the API key", async () => {
    answers = [problem(401, "unauthenticated")];
    const error = await catchError(client().get("csn_1"));
    expect(`${error.stack}${JSON.stringify(error)}`).not.toContain("cs_test_key");
  });
});

describe("[K30] waiting for the end", () => {
  test("polls are repeated over pending answers and faults until the session is terminal", async () => {
    answers = [ok(pending), "cut", problem(503, "unavailable", { "retry-after": "0" }), ok(confirmed)];
    expect((await client().waitUntilTerminal("csn_1")).status).toBe("confirmed");
    expect(seen.map(({ url }) => url?.split("?")[1])).toEqual(["wait=55", "wait=55", "wait=55", "wait=55"]);
  });

  test("a gateway that answers pending at once is not met in a hot loop", async () => {
    const startedMs = performance.now();
    answers = [ok(pending), ok(pending), ok(confirmed)];
    await client().waitUntilTerminal("csn_1");
    expect(performance.now() - startedMs).toBeGreaterThan(900);
  });

  test("the wait never asks for more than is left, and the deadline ends it", async () => {
    answers = [ok(pending)];
    const deadline = new Date(Date.now() + 1200);
    expect((await catchError(client().waitUntilTerminal("csn_1", { deadline }))).code).toBe("timeout");
    expect(seen[0]?.url).toMatch(/wait=2$/);
    expect(Date.now()).toBeLessThan(deadline.getTime() + 1500);
  });

  test("a refusal ends it", async () => {
    answers = [problem(404, "not_found")];
    expect((await catchError(client().waitUntilTerminal("csn_1"))).code).toBe("not_found");
  });

  test("an abort ends it at once, in a poll and in a pause", async () => {
    for (const answer of ["silence", problem(503, "unavailable", { "retry-after": "30" })] as Answer[]) {
      answers = [answer];
      const controller = new AbortController();
      const arrived = new Promise((resolve) => server.once("request", resolve));
      const waiting = catchError(client().waitUntilTerminal("csn_1", { signal: controller.signal }));
      await arrived;
      controller.abort();
      expect((await waiting).code).toBe("aborted");
    }
  });

  test("a deadline that is no time is refused", async () => {
    const error = await catchError(client().waitUntilTerminal("csn_1", { deadline: new Date("x") }));
    expect(error.code).toBe("invalid_argument");
  });
});
