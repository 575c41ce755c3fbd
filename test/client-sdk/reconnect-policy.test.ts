import { describe, expect, test } from "vitest";
import { createReconnectPolicy, type Refusal } from "../../client-sdk/src/device/reconnect-policy.ts";
import { CallsealSdkError } from "../../client-sdk/src/errors.ts";
import { parseRetryAfter } from "../../client-sdk/src/parse-retry-after.ts";
import { retryUntil } from "../../client-sdk/src/retry-until.ts";
import { catchError } from "./catch-error.ts";

const lost: Refusal = { code: "network", advice: "retry" };
const stale: Refusal = { code: "unauthenticated", advice: "reauthenticate" };
const almostOne = 0.999_999;

describe("reconnect policy", () => {
  test("[K9] retry waits below a bound that doubles up to its cap", () => {
    const policy = createReconnectPolicy({ baseMs: 500, capMs: 4000, random: () => almostOne });
    const delays = Array.from({ length: 6 }, () => policy.next(lost, 0));
    expect(delays).toEqual([499, 999, 1999, 3999, 3999, 3999].map((delayMs) => ({ kind: "wait", delayMs })));
  });

  test("[K9] devices that lost a gateway together come back spread out", () => {
    const delays = Array.from({ length: 1000 }, () => createReconnectPolicy({ baseMs: 500 }).next(lost, 60_000));
    const times = delays.map((step) => (step.kind === "wait" ? step.delayMs : -1));
    expect(Math.min(...times)).toBeLessThan(50);
    expect(Math.max(...times)).toBeGreaterThan(450);
    expect(new Set(times).size).toBeGreaterThan(300);
  });

  test("[K9] retryAfterSeconds is a floor, with jitter above it", () => {
    const policy = createReconnectPolicy({ baseMs: 500, random: () => 0.5 });
    expect(policy.next({ ...lost, retryAfterSeconds: 7 }, 0)).toEqual({ kind: "wait", delayMs: 7250 });
  });

  test("[K10] reauthenticate comes back at once, three times in a row, then stops", () => {
    const policy = createReconnectPolicy({ random: () => 0.5 });
    const steps = Array.from({ length: 4 }, () => policy.next(stale, 0));
    expect(steps).toEqual([...Array.from({ length: 3 }, () => ({ kind: "wait", delayMs: 0 })), { kind: "stop" }]);
  });

  test("[K10] a connection in between clears the count of refused tokens", () => {
    const policy = createReconnectPolicy({ maxReauthentications: 1, random: () => 0 });
    expect([policy.next(stale, 0), policy.next(stale, 1000), policy.next(stale, 0)].map(({ kind }) => kind)).toEqual([
      "wait",
      "wait",
      "stop",
    ]);
  });

  test("[K11] stop stops at once", () => {
    expect(createReconnectPolicy().next({ code: "device_revoked", advice: "stop" }, 0)).toEqual({ kind: "stop" });
  });

  test("[K9] only a connection that lasted clears the backoff: a gateway that drops at once is not met in a hot loop", () => {
    const policy = createReconnectPolicy({ baseMs: 500, stableMs: 5000, random: () => almostOne });
    const delays = [0, 10, 10, 5000, 10].map((upMs) => policy.next(lost, upMs));
    expect(delays).toEqual([499, 999, 1999, 499, 999].map((delayMs) => ({ kind: "wait", delayMs })));
  });
});

describe("retryUntil", () => {
  const options = { clock: () => 0, random: () => 0, baseMs: 100, capMs: 1000, deadlineMs: Number.POSITIVE_INFINITY };
  const failing = (code: "network" | "wrong_did", times: number) => {
    let calls = 0;
    const attempt = async () => {
      if (calls++ < times) throw new CallsealSdkError(code);
      return calls;
    };
    return attempt;
  };

  test("it repeats what can be retried and returns the first success", async () => {
    expect(await retryUntil(failing("network", 4), options)).toBe(5);
  });

  test("it does not repeat a refusal", async () => {
    expect((await catchError(retryUntil(failing("wrong_did", 1), options))).code).toBe("wrong_did");
  });

  test("it ends with the last error when attempts run out, or the deadline is nearer than the next one", async () => {
    expect((await catchError(retryUntil(failing("network", 9), { ...options, maxAttempts: 3 }))).code).toBe("network");
    expect((await catchError(retryUntil(failing("network", 9), { ...options, deadlineMs: 0 }))).code).toBe("network");
    const waits = async () => {
      throw new CallsealSdkError("rate_limited", { retryAfterSeconds: 600 });
    };
    expect((await catchError(retryUntil(waits, { ...options, deadlineMs: 599_000 }))).retryAfterSeconds).toBe(600);
  });

  test("an error that is not the SDK's passes through", async () => {
    const bug = new TypeError("bug");
    await expect(retryUntil(() => Promise.reject(bug), options)).rejects.toBe(bug);
  });

  test("an abort during the pause ends it at once", async () => {
    const controller = new AbortController();
    const waits = async () => {
      queueMicrotask(() => controller.abort());
      throw new CallsealSdkError("unavailable", { retryAfterSeconds: 600 });
    };
    const error = await catchError(retryUntil(waits, { ...options, signal: controller.signal }));
    expect(error.code).toBe("aborted");
  });
});

describe("Retry-After", () => {
  const nowMs = Date.parse("2026-01-01T00:00:00.000Z");
  test.each([
    ["0", 0],
    ["7", 7],
    [" 7 ", 7],
    ["999999", 3600],
    ["Thu, 01 Jan 2026 00:00:30 GMT", 30],
    ["Wed, 31 Dec 2025 23:59:00 GMT", 0],
  ])("%j is %i seconds", (value, seconds) => {
    expect(parseRetryAfter(value, nowMs)).toBe(seconds);
  });

  const attackers = [
    "",
    "-1",
    "1.5",
    "1e9",
    "0x10",
    "Infinity",
    "NaN",
    "7 seconds",
    "2026-01-01T00:00:30Z",
    "Xxx, 99 Xxx 9999 99:99:99 GMT",
    "9".repeat(100),
    "7, 8",
  ];
  test.each([...attackers, null, undefined])("%j is ignored", (attacker) => {
    expect(parseRetryAfter(attacker, nowMs)).toBeUndefined();
  });
});
