import { describe, expect, test } from "vitest";
import { callKeys, parseSessionId, sessionKeys } from "../../core/redis/keys.ts";
import type { NewSession } from "../../core/redis/session-requests.ts";
import type { Core } from "../support/open-core.ts";
import { useCore } from "../support/use-core.ts";
import { claim, claimedSession, eventsOf, expire, newSession, proofFor, recordOf } from "../support/verified-call.ts";

const fixture = useCore();

let lastDid = 222_222;
/** With a code of its own, as every creation reserves one. */
function again(core: Core, callId: string, overrides: Partial<NewSession> = {}) {
  lastDid += 1;
  return core.sessions.create(newSession({ callId, reissue: true, did: String(lastDid), ...overrides }));
}

describe("creating", () => {
  test("[C12] fifty racing creates for one call on two gateways are one session with one DID", async () => {
    const first = fixture.open();
    const second = fixture.open({ prefix: first.keyspace.prefix });
    for (let round = 0; round < 20; round += 1) {
      const callId = `raced-${round}`;
      const race = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          (index % 2 ? first : second).sessions.create(
            newSession({ callId, did: String(100_000 + index), ttlSeconds: 30 + index }),
          ),
        ),
      );
      expect(race.filter(({ outcome }) => outcome === "created")).toHaveLength(1);
      expect(race.filter(({ outcome }) => outcome === "existing")).toHaveLength(49);
      const seen = new Set(race.map(({ session }) => `${session.sessionId} ${session.did} ${session.expiresAtMs}`));
      expect(seen.size).toBe(1);
      const { sessionId } = race[0]!.session;
      const types = (await eventsOf(first, sessionId)).map((event) => event.type);
      expect(types).toEqual(["session_created", "did_issued"]);
    }
  });

  test("[C12] fifty racing reissues of a timed-out session are one new generation", async () => {
    const first = fixture.open();
    const second = fixture.open({ prefix: first.keyspace.prefix });
    const { session } = await claimedSession(first);
    await expire(first, session.sessionId);
    const race = await Promise.all(
      Array.from({ length: 50 }, (_, index) => again(index % 2 ? first : second, session.callId)),
    );
    expect(race.filter(({ outcome }) => outcome === "created")).toHaveLength(1);
    expect(new Set(race.map((result) => result.session.sessionId)).size).toBe(1);
    expect(race[0]!.session.generation).toBe(2);
  });

  test("[C12] a creation that is done again with its own code is the same creation, once", async () => {
    const core = fixture.open();
    const creation = newSession({ callId: "repeated", did: "271828" });
    const [first, second] = [await core.sessions.create(creation), await core.sessions.create(creation)];
    expect([first.outcome, second.outcome]).toEqual(["created", "created"]);
    expect(second.session).toMatchObject({ sessionId: first.session.sessionId, did: "271828" });
    const other = await core.sessions.create({ ...creation, did: "314159" });
    expect(other).toMatchObject({ outcome: "existing", session: { did: "271828" } });
    const types = (await eventsOf(core, first.session.sessionId)).map(({ type }) => type);
    expect(types).toEqual(["session_created", "did_issued"]);
  });

  test("[C12] the session id follows from tenant, provider and call, and from the deployment's secret", async () => {
    const core = fixture.open();
    const same = fixture.open();
    const elsewhere = fixture.open({ secret: "another-secret-of-the-tests-32-bytes!!" });
    const call = { tenant: "acme", provider: "generic", callId: "call-1" } as const;
    const id = async (where: Core, change: Partial<NewSession>) =>
      (await where.sessions.create(newSession({ ...call, ...change }))).session.sessionId;
    const ids = [
      await id(core, {}),
      await id(core, { tenant: "globex" }),
      await id(core, { provider: "twilio" }),
      await id(core, { callId: "call-2" }),
      await id(core, { callId: "CALL-1" }),
      await id(elsewhere, {}),
    ];
    expect(new Set(ids).size).toBe(ids.length);
    expect(await id(same, {})).toBe(ids[0]);
    for (const one of ids) expect(parseSessionId(one)?.generation).toBe(1);
  });

  test("[C12] what the caller gave comes back as it was given", async () => {
    const core = fixture.open();
    const given = newSession({
      callId: "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
      metadata: { crmCaseId: "CASE-9911", "naïve ✓": '"\\\u0000\u2028<é>', ["__proto__"]: "x" },
      dnis: "+18005551234",
      ani: "+14155550000",
      stirVerstat: "TN-Validation-Passed-A",
      expectedSubject: "suid_1",
      locale: "fr-CA",
    });
    const { session } = await core.sessions.create(given);
    const { tenant, provider, callId, metadata, dnis, ani, stirVerstat, expectedSubject, locale, did } = given;
    const wanted = { tenant, provider, callId, dnis, ani, stirVerstat, expectedSubject, locale, did };
    expect(session).toMatchObject({ ...wanted, status: "pending", generation: 1 });
    expect(Object.entries(session.metadata)).toEqual(Object.entries(metadata));
    expect(await core.sessions.read(session.sessionId, "acme")).toMatchObject(wanted);
    expect(session.expiresAtMs - session.createdAtMs).toBe(60_000);
  });

  test("[C12] another tenant's session does not exist for any script", async () => {
    const core = fixture.open();
    const { session, proof } = await claimedSession(core);
    const { sessionId } = session;
    const before = await recordOf(core, sessionId);
    const event = { tenant: "globex", correlationId: "corr", event: {} };
    expect(await core.sessions.read(sessionId, "globex")).toBeUndefined();
    const outcomes = [
      await core.sessions.cancel(sessionId, "globex", "corr"),
      await core.sessions.endCall(sessionId, event),
      await core.sessions.advanceLoop(sessionId, { ...event, index: 1, digit: "0" }),
      await core.sessions.decide({ ...proof, tenant: "globex" }),
    ].map(({ outcome }) => outcome);
    expect(outcomes).toEqual(["not_found", "not_found", "not_found", "not_found"]);
    expect(await recordOf(core, sessionId)).toEqual(before);
  });
});

describe("issuing anew", () => {
  test("[C13] a pending session is answered as it is, whether or not a new one is wanted", async () => {
    const core = fixture.open();
    const { session } = await claimedSession(core);
    for (const reissue of [true, false]) {
      const result = await again(core, session.callId, { reissue });
      expect(result).toMatchObject({ outcome: "existing", session: { sessionId: session.sessionId, did: "123456" } });
    }
  });

  test("[C13] a timed-out session is issued anew as often as the tenant allows, then reissue_exhausted", async () => {
    const core = fixture.open();
    const { session } = await core.sessions.create(newSession());
    const outcomes: string[] = [];
    const generations: number[] = [];
    for (let time = 0; time < 4; time += 1) {
      const latest = await core.sessions.readLatest(session);
      await expire(core, latest!.sessionId);
      const result = await again(core, session.callId, { maxReissues: 2 });
      outcomes.push(result.outcome);
      generations.push(result.session.generation);
    }
    expect(outcomes).toEqual(["created", "created", "reissue_exhausted", "reissue_exhausted"]);
    expect(generations).toEqual([2, 3, 3, 3]);
  });

  test("[C13] no reissue at all under maxReissues 0", async () => {
    const core = fixture.open();
    const { session } = await core.sessions.create(newSession());
    await expire(core, session.sessionId);
    expect((await again(core, session.callId, { maxReissues: 0 })).outcome).toBe("reissue_exhausted");
  });

  test.each(["confirm", "deny", "cancel"] as const)(
    "[C13] after a %s a reissue is session_terminal, and a plain create shows that session",
    async (how) => {
      const core = fixture.open();
      const { session, proof } = await claimedSession(core);
      if (how === "cancel") await core.sessions.cancel(session.sessionId, "acme", "corr-cancel");
      else await core.sessions.decide({ ...proof, decision: how });
      await expire(core, session.sessionId);
      expect((await again(core, session.callId)).outcome).toBe("session_terminal");
      const plain = await again(core, session.callId, { reissue: false });
      expect(plain).toMatchObject({ outcome: "existing", session: { sessionId: session.sessionId } });
    },
  );

  test("[C13] a reissue records and publishes the timeout that nobody had recorded", async () => {
    const core = fixture.open();
    const { session } = await claimedSession(core);
    const { status } = core.openStatus();
    const message = Promise.withResolvers<{ status: string } | undefined>();
    await status.listen(session.sessionId, message.resolve);
    await expire(core, session.sessionId);
    const next = await again(core, session.callId, { correlationId: "corr-next" });
    expect((await message.promise)?.status).toBe("timeout");
    expect((await recordOf(core, session.sessionId)).status).toBe("timeout");
    const types = (await eventsOf(core, session.sessionId)).map((event) => event.type);
    expect(types).toEqual(["session_created", "did_issued", "timeout"]);
    const nextTypes = (await eventsOf(core, next.session.sessionId)).map((event) => event.type);
    expect(nextTypes).toEqual(["session_created", "did_issued", "reissued"]);
    const due = await core.redis.zrange(sessionKeys(core.keyspace, session.sessionId).due, 0, "-1");
    expect(due).toEqual([next.session.sessionId]);
  });

  test("[C13] the old generation stays readable and over, the new one is confirmed by its own code", async () => {
    const core = fixture.open();
    const { session, proof } = await claimedSession(core);
    await expire(core, session.sessionId);
    const { session: next } = await again(core, session.callId);
    expect((await core.sessions.decide(proof)).outcome).toBe("late_confirmation");
    expect((await claim(core, session)).outcome).toBe("wrong_did");
    const { nonce } = await claim(core, next);
    expect((await core.sessions.decide(proofFor(next, nonce))).outcome).toBe("confirmed");
    expect((await core.sessions.read(session.sessionId, "acme"))?.status).toBe("timeout");
    expect((await core.sessions.readLatest(session))?.sessionId).toBe(next.sessionId);
  });

  test("[C13] numbering goes on when the session's record is gone and the call's is not", async () => {
    const core = fixture.open();
    const { session } = await core.sessions.create(newSession());
    await core.redis.del(sessionKeys(core.keyspace, session.sessionId).session);
    for (const reissue of [false, true]) {
      const next = await again(core, session.callId, { reissue, maxReissues: 0 });
      expect(next.outcome).toBe(reissue ? "existing" : "created");
      expect(next.session.generation).toBe(2);
    }
    expect(await core.sessions.read(session.sessionId, "acme")).toBeUndefined();
  });

  test("[C13] the call's record outlives every session that it counts", async () => {
    const core = fixture.open({ retention: { sessionSeconds: 900, callSeconds: 1 } });
    const { session } = await core.sessions.create(newSession({ ttlSeconds: 300 }));
    const keys = sessionKeys(core.keyspace, session.sessionId);
    const left = async () => await core.redis.pttl(keys.call);
    expect(await left()).toBeGreaterThanOrEqual((await core.redis.pttl(keys.session)) - 1);
    await expire(core, session.sessionId);
    const before = await left();
    await again(core, session.callId, { ttlSeconds: 10 });
    expect(await left()).toBeGreaterThan(before - 1000);
  });

  test("[C13] a call's record names the generation and is in the slot of its sessions", async () => {
    const core = fixture.open();
    const { session } = await core.sessions.create(newSession());
    const { call } = callKeys(core.keyspace, core.sessions.callHash(session));
    expect(await core.redis.hgetall(call)).toEqual({ generation: "1", reissues: "0" });
    expect(sessionKeys(core.keyspace, session.sessionId).session).toBe(`${call}:1`);
  });
});

describe("the prompt loop", () => {
  const turn = (core: Core, sessionId: string, index: number, digit = "") =>
    core.sessions.advanceLoop(sessionId, { tenant: "acme", index, digit, correlationId: "corr", event: { index } });

  test("[C14] a turn is recorded once an index, however often and from wherever it is retried", async () => {
    const first = fixture.open();
    const second = fixture.open({ prefix: first.keyspace.prefix });
    const { session } = await first.sessions.create(newSession());
    await Promise.all(
      Array.from({ length: 40 }, (_, index) => turn(index % 2 ? first : second, session.sessionId, 1 + (index % 3))),
    );
    const events = await eventsOf(first, session.sessionId);
    const turns = events.filter((event) => event.type === "loop_iteration").map((event) => event.data);
    expect(turns.sort()).toEqual(['{"index":1}', '{"index":2}', '{"index":3}']);
    expect((await first.sessions.read(session.sessionId, "acme"))?.status).toBe("pending");
  });

  test("[C14] indexes up to maxRetries leave the session pending, a higher one ends it as timeout", async () => {
    const core = fixture.open();
    const { session } = await core.sessions.create(newSession({ maxRetries: 2 }));
    const states: string[] = [];
    for (const index of [1, 2, 2, 3, 1]) states.push((await turn(core, session.sessionId, index)).session!.status);
    expect(states).toEqual(["pending", "pending", "pending", "timeout", "timeout"]);
    const last = (await eventsOf(core, session.sessionId)).at(-1)!;
    expect(last).toMatchObject({ type: "timeout", data: '{"reason":"loop_exhausted"}' });
  });

  test("[C14] digit 0 cancels, also on an index that was recorded without it", async () => {
    const core = fixture.open();
    const { session } = await core.sessions.create(newSession());
    await turn(core, session.sessionId, 1);
    expect((await turn(core, session.sessionId, 1, "0")).session?.status).toBe("canceled");
  });

  test("[C14] a turn on a session that is over records nothing", async () => {
    const core = fixture.open();
    const { session } = await core.sessions.create(newSession());
    await core.sessions.cancel(session.sessionId, "acme", "corr");
    const before = await recordOf(core, session.sessionId);
    expect((await turn(core, session.sessionId, 1)).session?.status).toBe("canceled");
    expect(await recordOf(core, session.sessionId)).toEqual(before);
    expect((await eventsOf(core, session.sessionId)).map((event) => event.type)).not.toContain("loop_iteration");
  });
});
