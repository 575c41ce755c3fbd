import { describe, expect, test } from "vitest";
import { sessionKeys } from "../../core/redis/keys.ts";
import type { Session } from "../../core/verification/session.ts";
import type { Core } from "../support/open-core.ts";
import { useCore } from "../support/use-core.ts";
import { claimedSession, eventsOf, expire, recordOf, redisNowMs } from "../support/verified-call.ts";

const fixture = useCore();

async function confirmedSession(core: Core, mode: "direct" | "webhook" | "none" = "direct"): Promise<Session> {
  const { session, proof } = await claimedSession(core, { mode });
  await core.sessions.decide(proof);
  return session;
}

const take = (core: Core, session: Session, token: string, leaseMs = 60_000) =>
  core.sessions.claimIntercept(session.sessionId, { token, leaseMs });

type Result = Parameters<Core["sessions"]["completeIntercept"]>[1]["result"];

const complete = (core: Core, session: Session, token: string, result: Result) =>
  core.sessions.completeIntercept(session.sessionId, { token, result, correlationId: "corr-i", event: { result } });

const delivered = (core: Core, session: Session) => complete(core, session, "", "succeeded");

const owed = (core: Core, session: Session) =>
  core.redis.zrange(sessionKeys(core.keyspace, session.sessionId).owed, 0, "-1");

/** Lets the taker's lease run out without waiting for it. */
async function endLease(core: Core, session: Session): Promise<void> {
  const over = String((await redisNowMs(core)) - 1);
  await core.redis.hset(sessionKeys(core.keyspace, session.sessionId).session, "leaseUntil", over);
}

async function interceptEvents(core: Core, session: Session): Promise<(string | undefined)[]> {
  const events = await eventsOf(core, session.sessionId);
  return events.map((event) => event.type).filter((type) => type?.startsWith("intercept_"));
}

describe("owing an intercept", () => {
  test.each(["direct", "webhook"] as const)(
    "[C22] a confirmation under mode %s owes one intercept, in the same step",
    async (mode) => {
      const core = fixture.open();
      const session = await confirmedSession(core, mode);
      expect(await owed(core, session)).toEqual([session.sessionId]);
      const read = await core.sessions.read(session.sessionId, "acme");
      expect(read?.intercept).toEqual({ status: "pending", attempts: 0 });
    },
  );

  test("[C22] mode none owes nothing", async () => {
    const core = fixture.open();
    const session = await confirmedSession(core, "none");
    expect(await owed(core, session)).toEqual([]);
    expect((await take(core, session, "a")).outcome).toBe("settled");
  });

  test.each(["deny", "cancel", "timeout"] as const)("[C22] a session that ended by %s owes nothing", async (how) => {
    const core = fixture.open();
    const { session, proof } = await claimedSession(core);
    if (how === "deny") await core.sessions.decide({ ...proof, decision: "deny" });
    if (how === "cancel") await core.sessions.cancel(session.sessionId, "acme", "corr");
    if (how === "timeout") {
      await expire(core, session.sessionId);
      await core.sessions.expire(session.sessionId);
    }
    expect(await owed(core, session)).toEqual([]);
    const before = await recordOf(core, session.sessionId);
    expect((await take(core, session, "a")).outcome).toBe("settled");
    for (const result of ["succeeded", "failed", "skipped", "retryable", "unknown"] as const) {
      expect((await complete(core, session, "a", result)).outcome).toBe("settled");
      expect((await complete(core, session, "", result)).outcome).toBe("settled");
    }
    expect(await recordOf(core, session.sessionId)).toEqual(before);
    expect(await interceptEvents(core, session)).toEqual([]);
  });

  test("[C22] a pending session is not touched either", async () => {
    const core = fixture.open();
    const { session } = await claimedSession(core);
    const before = await recordOf(core, session.sessionId);
    expect((await take(core, session, "a")).outcome).toBe("settled");
    expect((await delivered(core, session)).outcome).toBe("settled");
    expect(await recordOf(core, session.sessionId)).toEqual(before);
  });

  test("[C22] a session that is gone leaves the owed set", async () => {
    const core = fixture.open();
    const session = await confirmedSession(core);
    await core.redis.del(sessionKeys(core.keyspace, session.sessionId).session);
    expect((await take(core, session, "a")).outcome).toBe("not_found");
    expect(await owed(core, session)).toEqual([]);
    expect((await complete(core, session, "a", "succeeded")).outcome).toBe("not_found");
  });
});

describe("taking", () => {
  test("[C23] of racing takers on two workers one has it, the others are told that it is leased", async () => {
    const first = fixture.open();
    const second = fixture.open({ prefix: first.keyspace.prefix });
    const session = await confirmedSession(first);
    const race = await Promise.all(
      Array.from({ length: 30 }, (_, index) => take(index % 2 ? first : second, session, `worker-${index}`)),
    );
    const outcomes = race.map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === "taken")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "leased")).toHaveLength(29);
    expect((await first.sessions.read(session.sessionId, "acme"))?.intercept.attempts).toBe(1);
    expect(await owed(first, session)).toEqual([session.sessionId]);
  });

  test("[C23] who takes it after a lease that ran out is told that its outcome is unknown", async () => {
    const core = fixture.open();
    const session = await confirmedSession(core);
    expect(await take(core, session, "a", 60_000)).toMatchObject({ outcome: "taken", before: "first" });
    expect((await take(core, session, "b")).outcome).toBe("leased");
    await endLease(core, session);
    const second = await take(core, session, "b");
    expect(second).toMatchObject({
      outcome: "taken",
      before: "after_unknown",
      session: { intercept: { attempts: 2 } },
    });
    expect((await complete(core, session, "a", "succeeded")).outcome).toBe("not_held");
    expect((await complete(core, session, "b", "succeeded")).outcome).toBe("recorded");
  });

  test("[C23] the lease ends by the clock of Redis", async () => {
    const core = fixture.open();
    const session = await confirmedSession(core);
    await take(core, session, "a", 0);
    expect(await take(core, session, "b")).toMatchObject({ outcome: "taken", before: "after_unknown" });
  });

  test.each([
    { result: "retryable", before: "after_retryable" },
    { result: "unknown", before: "after_unknown" },
  ] as const)("[C23] after a $result attempt the right is free at once, and the next is $before", async (row) => {
    const core = fixture.open();
    const session = await confirmedSession(core);
    await take(core, session, "a");
    expect((await complete(core, session, "a", row.result)).outcome).toBe("recorded");
    expect(await owed(core, session)).toEqual([session.sessionId]);
    expect(await take(core, session, "b")).toMatchObject({ outcome: "taken", before: row.before });
    expect(await interceptEvents(core, session)).toEqual([]);
  });

  test("[C23] a retryable attempt that is followed by one that died is unknown again", async () => {
    const core = fixture.open();
    const session = await confirmedSession(core);
    await take(core, session, "a");
    await complete(core, session, "a", "retryable");
    await take(core, session, "b");
    await endLease(core, session);
    expect((await take(core, session, "c")).before).toBe("after_unknown");
  });

  test("[C23] the taker may take again, for instance when its first answer was lost", async () => {
    const core = fixture.open();
    const session = await confirmedSession(core);
    await take(core, session, "a");
    expect(await take(core, session, "a")).toMatchObject({ outcome: "taken", before: "after_unknown" });
  });
});

describe("a grant", () => {
  const grant = { token: "granted", leaseMs: 60_000 };
  async function grantedSession(core: Core, mode: "direct" | "none" = "direct"): Promise<Session> {
    const { session, proof } = await claimedSession(core, { mode });
    await core.sessions.decide({ ...proof, grant });
    return session;
  }
  const read = async (core: Core, session: Session) => (await core.sessions.read(session.sessionId, "acme"))!.intercept;
  const restore = (core: Core, session: Session, token: string) =>
    core.sessions.claimIntercept(session.sessionId, { token, leaseMs: 60_000, restored: true });

  test("[C75] is a claim that comes with the confirmation: nobody else takes it, and its holder completes", async () => {
    const core = fixture.open();
    const session = await grantedSession(core);
    expect(await read(core, session)).toEqual({ status: "pending", attempts: 0, grant: "granted" });
    expect(await owed(core, session)).toEqual([session.sessionId]);
    expect((await take(core, session, "b")).outcome).toBe("leased");
    expect((await complete(core, session, "b", "succeeded")).outcome).toBe("not_held");
    expect((await complete(core, session, "granted", "succeeded")).outcome).toBe("recorded");
    expect(await read(core, session)).toEqual({ status: "succeeded", attempts: 1 });
    expect(await owed(core, session)).toEqual([]);
  });

  test("[C75] is none where nothing is owed", async () => {
    const core = fixture.open();
    const session = await grantedSession(core, "none");
    expect(await read(core, session)).toEqual({ status: "none", attempts: 0 });
  });

  test("[C75] whose holder comes late is renewed by it, as the first attempt", async () => {
    const core = fixture.open();
    const session = await grantedSession(core);
    await endLease(core, session);
    const renewed = await take(core, session, "granted");
    expect(renewed).toMatchObject({ outcome: "taken", before: "first", session: { intercept: { attempts: 1 } } });
    expect((await take(core, session, "b")).outcome).toBe("leased");
    expect(await take(core, session, "granted")).toMatchObject({ before: "after_unknown" });
  });

  test("[C75] that ran out is an attempt whose outcome nobody knows", async () => {
    const core = fixture.open();
    const session = await grantedSession(core);
    await endLease(core, session);
    expect(await take(core, session, "b")).toMatchObject({
      outcome: "taken",
      before: "after_unknown",
      session: { intercept: { status: "pending", attempts: 2 } },
    });
    expect((await complete(core, session, "granted", "succeeded")).outcome).toBe("not_held");
  });

  test("[C75] is taken at once in place of a job that was never added, and looked up first all the same", async () => {
    const core = fixture.open();
    const session = await grantedSession(core);
    const taken = await restore(core, session, "b");
    expect(taken).toMatchObject({ outcome: "taken", before: "after_unknown", session: { intercept: { attempts: 1 } } });
    expect((await restore(core, session, "c")).outcome).toBe("leased");
    expect((await complete(core, session, "granted", "succeeded")).outcome).toBe("not_held");
    expect((await complete(core, session, "b", "succeeded")).outcome).toBe("recorded");
  });

  test("[C75] a claim is not taken so: it is somebody's who acts", async () => {
    const core = fixture.open();
    const session = await confirmedSession(core);
    await take(core, session, "a");
    expect((await restore(core, session, "b")).outcome).toBe("leased");
  });

  test.each([
    { result: "retryable", before: "after_retryable" },
    { result: "unknown", before: "after_unknown" },
  ] as const)("[C75] given back after a $result attempt is over, and the next is the second", async (row) => {
    const core = fixture.open();
    const session = await grantedSession(core);
    expect((await complete(core, session, "granted", row.result)).outcome).toBe("recorded");
    expect(await read(core, session)).toEqual({ status: "pending", attempts: 1 });
    const next = await take(core, session, "b");
    expect(next).toMatchObject({ outcome: "taken", before: row.before, session: { intercept: { attempts: 2 } } });
  });

  test("[C75] ends with a delivery that was seen", async () => {
    const core = fixture.open();
    const session = await grantedSession(core);
    expect((await delivered(core, session)).outcome).toBe("recorded");
    expect(await read(core, session)).toEqual({ status: "succeeded", attempts: 1, deliveredAtMs: expect.any(Number) });
    expect((await complete(core, session, "granted", "failed")).outcome).toBe("settled");
  });

  test("[C75] is told to whoever repeats the proof, as long as nobody has used it", async () => {
    const core = fixture.open();
    const { proof } = await claimedSession(core);
    await core.sessions.decide({ ...proof, grant });
    const repeated = await core.sessions.decide({ ...proof, grant: { ...grant, token: "another" } });
    expect(repeated).toMatchObject({ outcome: "repeated", session: { intercept: { grant: "granted" } } });
  });
});

describe("completing", () => {
  test.each(["succeeded", "failed", "skipped"] as const)(
    "[C24] the first final result stays: after %s nobody takes or completes again",
    async (result) => {
      const core = fixture.open();
      const session = await confirmedSession(core);
      await take(core, session, "a");
      expect((await complete(core, session, "a", result)).outcome).toBe("recorded");
      expect(await owed(core, session)).toEqual([]);
      const before = await recordOf(core, session.sessionId);
      expect((await take(core, session, "b")).outcome).toBe("settled");
      for (const other of ["succeeded", "failed", "skipped", "retryable", "unknown"] as const)
        expect((await complete(core, session, "a", other)).outcome).toBe("settled");
      expect(await recordOf(core, session.sessionId)).toEqual(before);
      const event = result === "succeeded" ? "intercept_success" : "intercept_failed";
      expect(await interceptEvents(core, session)).toEqual([event]);
    },
  );

  test("[C24] a foreign token, and one that was never given, completes nothing", async () => {
    const core = fixture.open();
    const session = await confirmedSession(core);
    expect((await complete(core, session, "never-taken", "succeeded")).outcome).toBe("not_held");
    await take(core, session, "a");
    const before = await recordOf(core, session.sessionId);
    for (const attacker of ["b", "A", "a ", "a*", "0"])
      for (const result of ["succeeded", "failed", "retryable"] as const)
        expect((await complete(core, session, attacker, result)).outcome).toBe("not_held");
    expect(await recordOf(core, session.sessionId)).toEqual(before);
  });

  test("[C24] a taker whose lease ran out may still complete while nobody else has taken it", async () => {
    const core = fixture.open();
    const session = await confirmedSession(core);
    await take(core, session, "a");
    await endLease(core, session);
    expect((await complete(core, session, "a", "succeeded")).outcome).toBe("recorded");
  });
});

describe("a delivery that was seen", () => {
  test("[C25] completes the intercept once, whoever holds it", async () => {
    const core = fixture.open();
    const session = await confirmedSession(core);
    await take(core, session, "a");
    expect((await delivered(core, session)).outcome).toBe("recorded");
    expect((await complete(core, session, "a", "failed")).outcome).toBe("settled");
    const first = await recordOf(core, session.sessionId);
    expect(first.intercept).toBe("succeeded");
    expect(await owed(core, session)).toEqual([]);
    for (let time = 0; time < 3; time += 1) expect((await delivered(core, session)).outcome).toBe("settled");
    expect(await recordOf(core, session.sessionId)).toEqual(first);
    expect(await interceptEvents(core, session)).toEqual(["intercept_success"]);
  });

  test.each(["failed", "skipped"] as const)("[C25] corrects a verdict of %s to succeeded, once", async (verdict) => {
    const core = fixture.open();
    const session = await confirmedSession(core);
    await take(core, session, "a");
    await complete(core, session, "a", verdict);
    expect((await delivered(core, session)).outcome).toBe("recorded");
    expect((await delivered(core, session)).outcome).toBe("settled");
    const read = await core.sessions.read(session.sessionId, "acme");
    expect(read?.intercept).toMatchObject({ status: "succeeded", deliveredAtMs: expect.any(Number) });
    expect(await interceptEvents(core, session)).toEqual(["intercept_failed", "intercept_success"]);
  });

  test("[C25] after a success that was reported is noted with its time, and is no second event", async () => {
    const core = fixture.open();
    const session = await confirmedSession(core);
    await take(core, session, "a");
    await complete(core, session, "a", "succeeded");
    expect((await core.sessions.read(session.sessionId, "acme"))?.intercept).not.toHaveProperty("deliveredAtMs");
    expect((await delivered(core, session)).outcome).toBe("settled");
    const { deliveredAt } = await recordOf(core, session.sessionId);
    expect(Number(deliveredAt)).toBeGreaterThan(0);
    expect(await interceptEvents(core, session)).toEqual(["intercept_success"]);
  });

  test("[C25] of racing deliveries one is recorded", async () => {
    const first = fixture.open();
    const second = fixture.open({ prefix: first.keyspace.prefix });
    const session = await confirmedSession(first);
    const race = await Promise.all(
      Array.from({ length: 20 }, (_, index) => delivered(index % 2 ? first : second, session)),
    );
    expect(race.filter(({ outcome }) => outcome === "recorded")).toHaveLength(1);
    expect(await interceptEvents(first, session)).toEqual(["intercept_success"]);
  });
});

describe("a move that did not arrive", () => {
  test("[C73] is owed again, at once and to anybody", async () => {
    const core = fixture.open();
    const session = await confirmedSession(core);
    await take(core, session, "a");
    await complete(core, session, "a", "succeeded");
    expect(await owed(core, session)).toEqual([]);
    expect((await core.sessions.reopenIntercept(session.sessionId)).outcome).toBe("reopened");
    expect(await owed(core, session)).toEqual([session.sessionId]);
    expect(await take(core, session, "b")).toMatchObject({ outcome: "taken", before: "after_retryable" });
    await complete(core, session, "b", "succeeded");
    expect(await interceptEvents(core, session)).toEqual(["intercept_success", "intercept_success"]);
  });

  test("[C73] is not owed again when it was seen, is under way, failed, or never was", async () => {
    const core = fixture.open();
    const reopen = async (session: Session) => (await core.sessions.reopenIntercept(session.sessionId)).outcome;
    const seen = await confirmedSession(core);
    await delivered(core, seen);
    const underWay = await confirmedSession(core);
    await take(core, underWay, "a");
    const failed = await confirmedSession(core);
    await take(core, failed, "a");
    await complete(core, failed, "a", "failed");
    const { session: pending } = await claimedSession(core, {});
    const all = [seen, underWay, failed, pending];
    const before = await Promise.all(all.map(({ sessionId }) => recordOf(core, sessionId)));
    expect(await Promise.all(all.map(reopen))).toEqual(["settled", "settled", "settled", "settled"]);
    expect(await Promise.all(all.map(({ sessionId }) => recordOf(core, sessionId)))).toEqual(before);
    expect((await core.sessions.reopenIntercept(`csn_${"A".repeat(22)}_1`)).outcome).toBe("not_found");
  });
});
