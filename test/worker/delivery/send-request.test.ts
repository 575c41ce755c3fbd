import { getEventListeners } from "node:events";
import { createServer, type Socket } from "node:net";
import { Agent } from "undici";
import { describe, expect, onTestFinished, test } from "vitest";
import { MAX_ANSWER_BYTES, type OutgoingRequest, sendRequest } from "../../../worker/delivery/send-request.ts";
import { freePort } from "../../support/free-port.ts";
import { type Answer, answerWith, startTarget } from "./start-target.ts";

async function openTarget(answer: Answer) {
  const target = await startTarget(answer);
  onTestFinished(target.close);
  return target;
}

function openAgent(connections = 4) {
  const agent = new Agent({ connections, allowH2: false, connect: { timeout: 1000 } });
  onTestFinished(() => agent.destroy());
  return agent;
}

function post(url: string, changes: Partial<OutgoingRequest> = {}): OutgoingRequest {
  return { url: new URL(url), method: "POST", headers: {}, body: "hello", timeoutMs: 2000, ...changes };
}

/** A TCP server that answers whatever comes with these bytes and then hangs up. */
async function startRawServer(bytes: string | undefined) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    if (bytes !== undefined) socket.once("data", () => socket.end(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/`;
}

describe("what was sent", () => {
  test("[W10] an answer is status, headers and body", async () => {
    const target = await openTarget(answerWith(201, "made", { "x-kind": "a" }));
    const exchange = await sendRequest(openAgent(), post(`${target.url}/path?x=1`));
    expect(exchange).toMatchObject({ kind: "answered", status: 201, body: "made", complete: true });
    expect(exchange.kind === "answered" && exchange.headers["x-kind"]).toBe("a");
    expect(target.requests).toMatchObject([{ method: "POST", path: "/path?x=1", body: "hello" }]);
  });

  test("[W10] an interim answer is not the answer", async () => {
    const target = await openTarget((response) => {
      response.writeEarlyHints({ link: "</a>; rel=preload" });
      response.writeHead(204).end();
    });
    expect(await sendRequest(openAgent(), post(target.url))).toMatchObject({ kind: "answered", status: 204 });
  });

  test("[W10] a refused connection was not sent", async () => {
    const exchange = await sendRequest(openAgent(), post(`http://127.0.0.1:${await freePort()}/`));
    expect(exchange).toEqual({ kind: "failed", reason: "not_connected", sent: false });
  });

  test("[W10] a name without an address was not sent", async () => {
    // A label of more than 63 bytes is refused on this machine, without asking a name server that may be slow.
    const exchange = await sendRequest(openAgent(), post(`http://${"a".repeat(64)}.invalid/`));
    expect(exchange).toEqual({ kind: "failed", reason: "not_resolved", sent: false });
  });

  test("[W10] a header that cannot be sent was not sent", async () => {
    const target = await openTarget(answerWith(200));
    const attacker = { "x-correlation-id": "a\r\nx-evil: 1" };
    const exchange = await sendRequest(openAgent(), post(target.url, { headers: attacker }));
    expect(exchange).toEqual({ kind: "failed", reason: "invalid_request", sent: false });
    expect(target.requests).toEqual([]);
  });

  test("[W10] a request that timed out behind another one on the only connection was not sent, and never is", async () => {
    let release = () => {};
    const target = await openTarget((response) => {
      release = () => response.end("late");
    });
    const agent = openAgent(1);
    const first = sendRequest(agent, post(`${target.url}/first`));
    await target.received(1);
    const second = await sendRequest(agent, post(`${target.url}/second`, { timeoutMs: 20 }));
    expect(second).toEqual({ kind: "failed", reason: "timed_out", sent: false });
    release();
    expect(await first).toMatchObject({ kind: "answered", status: 200, body: "late" });
    target.answer = answerWith(200);
    await sendRequest(agent, post(`${target.url}/third`));
    expect(target.requests.map((request) => request.path)).toEqual(["/first", "/third"]);
  });

  test("[W10] a request that times out on the wire was sent", async () => {
    const target = await openTarget(() => {});
    const exchange = await sendRequest(openAgent(), post(target.url, { timeoutMs: 1500 }));
    expect(exchange).toEqual({ kind: "failed", reason: "timed_out", sent: true });
    expect(target.requests).toHaveLength(1);
  });

  test("[W10] a connection that is reset before the answer loses it", async () => {
    const target = await openTarget((_response, _request, socket) => socket.resetAndDestroy());
    expect(await sendRequest(openAgent(), post(target.url))).toEqual({
      kind: "failed",
      reason: "connection_lost",
      sent: true,
    });
  });

  test.each([
    ["no HTTP at all", "\u0000\u0001garbage\r\n\r\n"],
    ["endless headers", `HTTP/1.1 200 OK\r\nx: ${"a".repeat(100_000)}\r\n\r\n`],
  ])("[W10] %s is a malformed answer to a request that was sent", async (_what, attacker) => {
    const url = await startRawServer(attacker);
    const exchange = await sendRequest(openAgent(), post(url));
    expect(exchange).toEqual({ kind: "failed", reason: "malformed_answer", sent: true });
  });

  test("[W10] a connection that nobody answers times out", async () => {
    const url = await startRawServer(undefined);
    const exchange = await sendRequest(openAgent(), post(url, { timeoutMs: 1500 }));
    expect(exchange).toEqual({ kind: "failed", reason: "timed_out", sent: true });
  });
});

describe("cut-off answers", () => {
  test("a status whose body is reset is an incomplete answer", async () => {
    const target = await openTarget((response, _request, socket) => {
      response.writeHead(400, { "content-length": "100" });
      response.write('{"code":', () => socket.destroy());
    });
    const exchange = await sendRequest(openAgent(), post(target.url));
    expect(exchange).toMatchObject({ kind: "answered", status: 400, complete: false });
  });

  test("a body that drips past the deadline is an incomplete answer", async () => {
    const target = await openTarget((response) => {
      response.writeHead(200);
      response.write("x");
    });
    const exchange = await sendRequest(openAgent(), post(target.url, { timeoutMs: 1500 }));
    expect(exchange).toMatchObject({ kind: "answered", status: 200, body: "x", complete: false });
  });

  test("[W23] a body longer than the limit is cut there, and its connection is closed", async () => {
    let hungUp: Promise<void> | undefined;
    const target = await openTarget((response, _request, socket) => {
      hungUp = new Promise((resolve) => socket.once("close", () => resolve()));
      const flood = () => {
        while (!socket.destroyed && response.write("x".repeat(16_384)));
      };
      response
        .writeHead(200)
        .on("drain", flood)
        .on("error", () => {});
      flood();
    });
    const exchange = await sendRequest(openAgent(), post(target.url));
    expect(exchange).toMatchObject({ kind: "answered", status: 200, complete: false });
    expect(exchange.kind === "answered" && exchange.body.length).toBeLessThanOrEqual(MAX_ANSWER_BYTES);
    await hungUp;
  });

  test("[W23] until the status, an endless body costs nothing: the answer is there at once and the rest is cut off", async () => {
    let hungUp: Promise<void> | undefined;
    const target = await openTarget((response, _request, socket) => {
      hungUp = new Promise((resolve) => socket.once("close", () => resolve()));
      response.writeHead(200);
      response.write("x");
    });
    const started = performance.now();
    const exchange = await sendRequest(openAgent(), post(target.url, { until: "status", timeoutMs: 3000 }));
    expect(exchange).toMatchObject({ kind: "answered", status: 200, body: "" });
    expect(performance.now() - started).toBeLessThan(2500);
    await hungUp;
  });
});

describe("giving up", () => {
  test("an aborted signal sends nothing", async () => {
    const target = await openTarget(answerWith(200));
    const exchange = await sendRequest(openAgent(), post(target.url, { signal: AbortSignal.abort() }));
    expect(exchange).toEqual({ kind: "failed", reason: "aborted", sent: false });
    expect(target.connections).toBe(0);
  });

  test("a signal that aborts on the wire leaves a request that was sent", async () => {
    const target = await openTarget(() => {});
    const stop = new AbortController();
    const exchange = sendRequest(openAgent(), post(target.url, { signal: stop.signal }));
    await target.received(1);
    stop.abort();
    expect(await exchange).toEqual({ kind: "failed", reason: "aborted", sent: true });
  });

  test("a finished exchange leaves no listener on its signal", async () => {
    const target = await openTarget(answerWith(200));
    const stop = new AbortController();
    await sendRequest(openAgent(), post(target.url, { signal: stop.signal }));
    expect(getEventListeners(stop.signal, "abort")).toEqual([]);
  });
});

describe("connections", () => {
  test("[W11] exchanges one after another use one connection", async () => {
    const target = await openTarget(answerWith(200, "ok"));
    const agent = openAgent(1);
    for (let sent = 0; sent < 10; sent += 1) {
      expect(await sendRequest(agent, post(target.url))).toMatchObject({ status: 200 });
    }
    expect(target.connections).toBe(1);
  });

  test("[W11] a hundred at once use no more connections than allowed", async () => {
    const target = await openTarget(answerWith(200, "ok"));
    const agent = openAgent(4);
    const answers = await Promise.all(Array.from({ length: 100 }, () => sendRequest(agent, post(target.url))));
    expect(answers.every((answer) => answer.kind === "answered")).toBe(true);
    expect(target.connections).toBeLessThanOrEqual(4);
  });

  test("a redirect is an answer and is not followed", async () => {
    const elsewhere = await openTarget(answerWith(200));
    const target = await openTarget(answerWith(307, "", { location: elsewhere.url }));
    expect(await sendRequest(openAgent(), post(target.url))).toMatchObject({ kind: "answered", status: 307 });
    expect(elsewhere.requests).toEqual([]);
  });
});
