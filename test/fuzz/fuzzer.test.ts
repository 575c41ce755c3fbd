import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkAnswer, checkExchange } from "./check-answer.ts";
import { mutateTemplate, type Template } from "./entrances/send-mutated.ts";
import { type FuzzReport, judge } from "./fuzz-report.ts";
import { type HttpAnswer, writeRequest } from "./http-exchange.ts";
import { FuzzRandom } from "./random.ts";
import { checkAck } from "./socket-client.ts";
import { acme, keyOf } from "./tenants.ts";
import { LogWatch } from "./watch-log.ts";

const template: Template = {
  method: "POST",
  target: "/scramble/caller/v1/sessions?wait=1",
  scope: "sessions",
  body: { provider: "twilio", callId: "CA1", metadata: { crmCaseId: "CASE-1" }, reissue: false },
};
const bytesOf = (seed: number, index: number) =>
  writeRequest(mutateTemplate(new FuzzRandom(seed, index), template)).toString("latin1");

const pinned = [
  [183264011, 350733708, 624271137, 4042841289],
  [3162327273, 1565603898, 2101684868, 3199411917],
];

describe("an input", () => {
  test("[P33] is the same bytes whenever it is made, and other bytes for another index or seed", () => {
    const indexes = Array.from({ length: 3000 }, (_, index) => index);
    const first = indexes.map((index) => bytesOf(7, index));
    expect(indexes.toReversed().map((index) => bytesOf(7, index))).toEqual(first.toReversed());
    expect(new Set(first).size).toBeGreaterThan(1500);
    expect(indexes.map((index) => bytesOf(8, index))).not.toEqual(first);
  });

  test("[P33] stays what it was when it was found: the stream of numbers does not change", () => {
    const draw = (seed: number, index: number) => {
      const random = new FuzzRandom(seed, index);
      return Array.from({ length: 4 }, () => random.next());
    };
    expect(draw(1, 0)).toEqual(pinned[0]);
    expect(draw(20261123, 999_999)).toEqual(pinned[1]);
  });

  test("[P33] is valid now and then, and wrong in its body, path, headers, method or key else", () => {
    const made = Array.from({ length: 3000 }, (_, index) => mutateTemplate(new FuzzRandom(9, index), template));
    const share = (fits: (request: (typeof made)[number]) => boolean) => made.filter(fits).length / made.length;
    const valid = JSON.stringify(template.body);
    expect(share(({ body }) => body?.toString() === valid)).toBeGreaterThan(0.2);
    expect(share(({ body }) => body?.toString() !== valid)).toBeGreaterThan(0.4);
    expect(share(({ target }) => target !== template.target)).toBeGreaterThan(0.1);
    expect(share(({ method }) => method !== "POST")).toBeGreaterThan(0.02);
  });
});

describe("an answer", () => {
  const answer = (status: number, body: unknown, headers: Record<string, string> = {}): HttpAnswer => ({
    status,
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: new Map(
      Object.entries({ "content-type": "application/problem+json", "x-correlation-id": "c", ...headers }),
    ),
  });
  const problem = { code: "not_found", status: 404, correlationId: "c" };

  test.each<[string, HttpAnswer]>([
    ["a 500", answer(500, { ...problem, code: "internal", status: 500 })],
    ["a 502 of nobody", answer(502, "")],
    ["a page", answer(404, "<html>", { "content-type": "text/html" })],
    ["no document", answer(404, "")],
    ["a code of another status", answer(400, problem)],
    ["an unknown code", answer(404, { ...problem, code: "oops" })],
    ["a status of its own", answer(404, { ...problem, status: 400 })],
    ["another correlation id", answer(404, { ...problem, correlationId: "d" })],
    ["a 400 that points at nothing", answer(400, { ...problem, code: "invalid_request", status: 400 })],
    ["a redirect", answer(302, "")],
    ["no JSON", answer(200, "{")],
    ["a stack", answer(200, '{"x":"Error: x\\n    at parse (file:///x.ts:1:1)"}')],
    ["its maker", answer(200, "{}", { "x-powered-by": "Express" })],
  ])("[P30] that is %s is a finding", (_name, attacker) => {
    expect(() => checkAnswer(attacker, { method: "GET" })).toThrow();
  });

  test("[P30] that is no TwiML, none at all, or more than one is a finding", () => {
    expect(() => checkAnswer(answer(200, "<Response>"), { method: "POST", success: "twiml" })).toThrow("no TwiML");
    expect(() => checkExchange({ answers: [], rest: "", hungUp: false }, { method: "GET" })).toThrow("no answer");
    const twice = { answers: [answer(404, problem)], rest: "HTTP/1.1 200", hungUp: false };
    expect(() => checkExchange(twice, { method: "GET" })).toThrow("more than an answer");
  });

  test.each([
    { ok: false, code: "internal", advice: "retry" },
    { ok: false, code: "oops", advice: "stop" },
    { ok: false, code: "expired" },
    {},
  ])("[P30] on a socket that is %j is a finding", (attacker) => {
    expect(() => checkAck(attacker, "")).toThrow();
  });

  test("[P30] that PROTOCOL allows is counted under its code or state", () => {
    expect(checkAnswer(answer(404, problem), { method: "GET" })).toBe("404 not_found");
    expect(checkAnswer(answer(200, { status: "pending" }), { method: "GET" })).toBe("200 pending");
    expect(checkAck({ ok: false, code: "expired", advice: "stop" }, "")).toBe("expired");
  });
});

describe("a log", () => {
  const info = (fields: object) =>
    `${JSON.stringify({ level: "info", time: "2026-11-23T00:00:00Z", pid: 123456, ...fields })}\n`;

  test.each<[string, string]>([
    ["a fault", '{"level":"error","event":"request.failed"}\n'],
    ["a stack", "TypeError: x\n"],
    ["a warning of Node", "(node:1) MaxListenersExceededWarning: x\n"],
    ["an API key", info({ key: keyOf(acme.id, "sessions") })],
    ["an auth token", info({ detail: `by ${acme.authToken}` })],
    ["a token", info({ detail: "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.x" })],
    ["a caller's number", info({ ani: "+1415555000001" })],
    ["a nonce", info({ nonce: "n" })],
    ["a code that was spoken", info({ detail: "the code 482913" })],
  ])("[P32] with %s in it is a finding, also when it is written in parts", async (_name, attacker) => {
    const folder = await mkdtemp(join(tmpdir(), "callseal-fuzz-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const path = join(folder, "log");
    const watch = new LogWatch(path, new Set(["482913", "123456"]));
    await writeFile(path, info({ status: 200 }) + attacker.slice(0, 10));
    expect(watch.look()).toEqual([]);
    await appendFile(path, attacker.slice(10) + info({ durationMs: 482913 }));
    expect(watch.look()).toHaveLength(1);
    expect(watch.lines).toBe(3);
  });
});

describe("a report", () => {
  const good: FuzzReport = {
    seed: 7,
    inputs: 1,
    seconds: 1,
    entrances: [],
    findings: [],
    findingCount: 0,
    unavailable: 0,
    processes: [],
    witnessStalledMs: 0,
    stalls: [],
    keys: { total: 0, kinds: {}, strays: [], redisBytes: 0 },
    providerAnswers: {},
  };
  const megabytes = (...sizes: number[]) =>
    sizes.map((size, index) => ({ share: index, rssBytes: size * 2 ** 20, heapBytes: size * 2 ** 20 }));
  const worn = (busyMs: number, ...sizes: number[]) => [
    { name: "gateway", stalledMs: 0, busyMs, memory: megabytes(...sizes), logLines: 1 },
  ];

  test.each<[string, Partial<FuzzReport>, RegExp]>([
    [
      "a finding, with how to see it again",
      { findings: [{ where: "x", index: 41, message: "y", sent: "" }] },
      /--seed 7 --only 41/,
    ],
    [
      "a process that ended",
      { processes: [{ ...worn(1, 40)[0]!, ended: "gateway ended with 1" }] },
      /gateway ended with 1/,
    ],
    ["a store that was away", { unavailable: 1 }, /unavailable/],
    ["a stray key", { keys: { ...good.keys, strays: ["x"] } }, /x/],
    ["200 ms of work in one turn", { processes: worn(200, 40, 40, 40) }, /worked 200 ms/],
    ["a heap that grows", { processes: worn(1, 40, 60, 120) }, /grew by 80 MB/],
    [
      "a stall that only one process saw",
      { stalls: [{ name: "x", stalledMs: 300, busyMs: 1, witnessMs: 10 }] },
      /stalled/,
    ],
  ])("[P31] with %s is bad", (_name, changes, says) => {
    expect(judge({ ...good, ...changes }).join()).toMatch(says);
  });

  test("[P31] of a machine that was elsewhere is not held against a process", () => {
    expect(judge(good)).toEqual([]);
    expect(judge({ ...good, stalls: [{ name: "x", stalledMs: 300, busyMs: 1, witnessMs: 290 }] })).toEqual([]);
    expect(judge({ ...good, unavailable: 1, witnessStalledMs: 499 })).toHaveLength(1);
    expect(judge({ ...good, unavailable: 1, witnessStalledMs: 500 })).toEqual([]);
    expect(judge({ ...good, processes: worn(199, 40, 60, 80) })).toEqual([]);
  });
});
