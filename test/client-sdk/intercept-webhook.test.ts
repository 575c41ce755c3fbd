import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Express } from "express";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ConfirmedCall, interceptWebhook, rememberDeliveries } from "../../client-sdk/src/ivr/index.ts";
import { catchError } from "./catch-error.ts";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const data = {
  sessionId: "csn_1",
  callId: "CA123",
  provider: "generic",
  status: "confirmed",
  metadata: { crmCaseId: "CASE-1" },
  receipt: "a.b.c",
};
const confirmed = { type: "verification.confirmed", timestamp: "2026-01-01T00:00:00.000Z", data };

let calls: ConfirmedCall[];
let errors: unknown[];
let servers: Server[];
let handler: (call: ConfirmedCall) => void | Promise<void>;

beforeEach(() => {
  [calls, errors, servers] = [[], [], []];
  handler = (call) => void calls.push(call);
});
afterEach(() => Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve)))));

const middleware = (options = {}) =>
  interceptWebhook({
    secrets: [secret],
    onConfirmed: (call) => handler(call),
    onError: (error) => errors.push(error),
    ...options,
  });

async function listen(app: Express | ReturnType<typeof middleware>): Promise<string> {
  const server = createServer((request, response) => void app(request as never, response as never));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const express5 = (options = {}) => {
  const app = express();
  app.post("/", middleware(options));
  return listen(app);
};

function signed(id: string, body: string, at = new Date()): Record<string, string> {
  return {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign(id, at, body),
  };
}

async function deliver(url: string, id = "msg_1", body: unknown = confirmed, headers: Record<string, string> = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(url, { method: "POST", headers: { ...signed(id, text), ...headers }, body: text });
  return { status: response.status, body: await response.text() };
}

describe("a confirmed call", () => {
  test("[K22] is handed over once it is verified, in Express", async () => {
    expect(await deliver(await express5())).toEqual({ status: 204, body: "" });
    expect(calls).toEqual([{ ...data, timestamp: confirmed.timestamp }]);
  });

  test("[K22] is handed over by a plain Node handler, behind express.raw(), and behind express.text()", async () => {
    const urls = [await listen(middleware())];
    for (const parser of [express.raw({ type: "*/*" }), express.text({ type: "*/*" })]) {
      const app = express();
      app.post("/", parser, middleware());
      urls.push(await listen(app));
    }
    for (const url of urls) expect((await deliver(url)).status).toBe(204);
    expect(calls).toHaveLength(3);
  });

  test("behind express.json() it is told what to change, and nothing is handed over", async () => {
    const app = express();
    app.post("/", express.json(), middleware());
    expect((await deliver(await listen(app))).status).toBe(500);
    expect(errors).toMatchObject([
      { code: "invalid_argument", message: expect.stringContaining("before express.json()") },
    ]);
    expect(calls).toEqual([]);
  });
});

describe("a repeated delivery", () => {
  test("[K23] is acknowledged and not handed over again", async () => {
    const url = await express5();
    for (let attempt = 0; attempt < 3; attempt++) expect((await deliver(url)).status).toBe(204);
    expect((await deliver(url, "msg_2")).status).toBe(204);
    expect(calls).toHaveLength(2);
  });

  test("[K23] that overtakes the first one waits for it and shares its outcome", async () => {
    const { promise: running, resolve: started } = Promise.withResolvers<void>();
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    const { promise: allArrived, resolve: arrived } = Promise.withResolvers<void>();
    handler = (call) => {
      calls.push(call);
      started();
      return call.sessionId === "csn_1" ? finished : undefined;
    };
    let arrivals = 0;
    const clock = () => {
      if (++arrivals === 3) arrived();
      return Date.now();
    };
    const url = await express5({ clock });
    const first = deliver(url);
    await running;
    const others = [deliver(url), deliver(url)];
    await allArrived;
    // Comes after them and goes all the way, so that they have gone as far as they can.
    await deliver(url, "msg_2", { ...confirmed, data: { ...data, sessionId: "csn_2" } });
    expect(calls.map(({ sessionId }) => sessionId)).toEqual(["csn_1", "csn_2"]);
    finish();
    expect((await Promise.all([first, ...others])).map(({ status }) => status)).toEqual([204, 204, 204]);
    expect(calls).toHaveLength(2);
  });

  test("[K23] after a handler that failed is handed over again", async () => {
    const url = await express5();
    handler = () => Promise.reject(new Error("the call could not be moved"));
    expect(await deliver(url)).toMatchObject({ status: 500, body: expect.not.stringContaining("moved") });
    handler = (call) => void calls.push(call);
    expect((await deliver(url)).status).toBe(204);
    expect(calls).toHaveLength(1);
    expect(errors).toMatchObject([{ message: "the call could not be moved" }]);
  });

  test("[K23] is recognised by another process over a shared memory", async () => {
    const memory = rememberDeliveries();
    const urls = [await express5({ memory }), await express5({ memory })];
    for (const url of urls) expect((await deliver(url)).status).toBe(204);
    expect(calls).toHaveLength(1);
  });

  test("[K23] the memory is bounded, and forgets the oldest", () => {
    const memory = rememberDeliveries({ maxEntries: 3 });
    for (const id of ["a", "b", "c", "a", "d"]) memory.add(id);
    expect(["a", "b", "c", "d"].map((id) => memory.has(id))).toEqual([true, false, true, true]);
  });

  test("a memory that fails is a 500, so that the gateway delivers again", async () => {
    const memory = { has: () => Promise.reject(new Error("redis")), add: () => {} };
    expect((await deliver(await express5({ memory }))).status).toBe(500);
    expect(calls).toEqual([]);
  });
});

describe("what is refused", () => {
  test.each<Record<string, string>>([
    { "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" },
    { "webhook-signature": "" },
    { "webhook-id": "msg_other" },
    { "webhook-timestamp": "1614265330" },
  ])("[K22] %j is 401 and says no more than its code", async (attacker) => {
    const answer = await deliver(await express5(), "msg_1", confirmed, attacker);
    expect(answer).toEqual({ status: 401, body: '{"type":"about:blank","status":401,"code":"invalid_signature"}' });
    expect(calls).toEqual([]);
  });

  test("[K21] an old delivery is 401, and the tolerance is a setting", async () => {
    const at = new Date(Date.now() - 400_000);
    const old = signed("msg_1", JSON.stringify(confirmed), at);
    expect((await deliver(await express5(), "msg_1", confirmed, old)).status).toBe(401);
    expect((await deliver(await express5({ toleranceSeconds: 500 }), "msg_1", confirmed, old)).status).toBe(204);
  });

  test("a body above the limit is 413, announced or not", async () => {
    const url = await express5({ bodyLimitBytes: 1000 });
    const attacker = JSON.stringify({ ...confirmed, padding: "x".repeat(2000) });
    expect((await deliver(url, "msg_1", attacker)).status).toBe(413);
    expect(await sendChunked(url, attacker)).toBe(413);
    expect(calls).toEqual([]);
  });

  test.each([
    ["not JSON", "verified!"],
    ["an array", "[]"],
    ["null", "null"],
    ["no type", "{}"],
    ["no data", { type: "verification.confirmed", timestamp: 1 }],
    ["a session that is denied", { ...confirmed, data: { ...data, status: "denied" } }],
    ["no call", { ...confirmed, data: { ...data, callId: 7 } }],
    ["metadata that is a list", { ...confirmed, data: { ...data, metadata: [] } }],
    ["no timestamp", { ...confirmed, timestamp: undefined }],
  ])("a signed body that is %s is 400", async (_name, attacker) => {
    expect((await deliver(await express5(), "msg_1", attacker)).status).toBe(400);
    expect(calls).toEqual([]);
  });

  test("another type of event is acknowledged and left alone", async () => {
    expect((await deliver(await express5(), "msg_1", { type: "wrong_did_burst", data: {} })).status).toBe(204);
    expect(calls).toEqual([]);
  });

  test("another method is 405", async () => {
    const response = await fetch(await listen(middleware()));
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
  });

  test.each([[[]], [["whsec_short"]], [[secret, ""]]])(
    "secrets %j are refused when the process starts",
    async (secrets) => {
      expect((await catchError(() => middleware({ secrets }))).code).toBe("invalid_argument");
    },
  );
});

/** Without a content-length, so that only reading shows how long it is. */
function sendChunked(url: string, body: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method: "POST", headers: signed("msg_1", body) }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on("error", reject);
    request.write(body.slice(0, 1500));
    request.end(body.slice(1500));
  });
}
