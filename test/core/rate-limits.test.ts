import { describe, expect, test } from "vitest";
import { sessionKeys } from "../../core/redis/keys.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import { useCore } from "../support/use-core.ts";
import { newSession } from "../support/verified-call.ts";

const fixture = useCore();

async function refusalOf(act: () => Promise<unknown>): Promise<CallsealError | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(CallsealError);
    return error as CallsealError;
  }
}

describe("a limit", () => {
  test("[C32] holds over all gateways: of 40 at once, as many as are allowed pass", async () => {
    const first = fixture.open();
    const second = fixture.open({ prefix: first.keyspace.prefix });
    const race = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        refusalOf(() => (index % 2 ? first : second).limits.consume("enrolments", "203.0.113.7", 10)),
      ),
    );
    const refusals = race.filter((refusal) => refusal !== undefined);
    expect(refusals).toHaveLength(30);
    for (const { code, retryAfterSeconds, message } of refusals) {
      expect(code).toBe("rate_limited");
      expect(retryAfterSeconds).toBeGreaterThanOrEqual(1);
      expect(retryAfterSeconds).toBeLessThanOrEqual(3600);
      expect(message).not.toContain("203.0");
    }
  });

  test("[C32] says how many are left, and counts each name and key by itself", async () => {
    const { limits } = fixture.open();
    expect((await limits.consume("handshakes", "zid_A", 5)).left).toBe(4);
    expect((await limits.consume("handshakes", "zid_A", 5)).left).toBe(3);
    expect((await limits.consume("handshakes", "zid_B", 5)).left).toBe(4);
    expect((await limits.consume("offers", "zid_A", 3)).left).toBe(2);
  });

  test("[C32] polls of a session are counted where it lives: over all gateways, for its own tenant alone, for a minute", async () => {
    const first = fixture.open();
    const second = fixture.open({ prefix: first.keyspace.prefix });
    const { session } = await first.sessions.create(newSession({ callId: "polled" }));
    const { sessionId } = session;
    for (let turn = 0; turn < 20; turn += 1) {
      expect(await first.sessions.poll(sessionId, { tenant: "globex", most: 10 })).toMatchObject({
        outcome: "not_found",
      });
    }
    const race = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        (index % 2 ? first : second).sessions.poll(sessionId, { tenant: "acme", most: 10 }),
      ),
    );
    for (const answer of race) expect(answer.session).toMatchObject({ sessionId, status: "pending" });
    const refusals = race.flatMap(({ refusal }) => refusal ?? []);
    expect(refusals).toHaveLength(30);
    expect(refusals.filter((refusal) => refusal.first)).toHaveLength(1);
    for (const { code, retryAfterSeconds } of refusals) {
      expect(code).toBe("rate_limited");
      expect(retryAfterSeconds).toBeGreaterThanOrEqual(1);
      expect(retryAfterSeconds).toBeLessThanOrEqual(60);
    }
    const { polls } = sessionKeys(first.keyspace, sessionId);
    expect(await first.redis.pttl(polls)).toBeGreaterThan(0);
    await first.redis.pexpire(polls, 0);
    expect(await second.sessions.poll(sessionId, { tenant: "acme", most: 1 })).toMatchObject({ outcome: "found" });
  });

  test("[C32] names no address in Redis, and ends with its window", async () => {
    const core = fixture.open();
    await core.limits.consume("enrolments", "203.0.113.7", 10);
    const keys = await core.redis.keys(`${core.keyspace.prefix}:*`);
    expect(keys).toHaveLength(1);
    expect(keys.join()).not.toContain("203.0");
    for (const key of keys) expect(await core.redis.pttl(key)).toBeGreaterThan(0);
  });
});
