import { describe, expect, test } from "vitest";
import { combinesSlots } from "../../core/redis/combines-slots.ts";
import { deviceKeys } from "../../core/redis/keys.ts";
import type { Core } from "../support/open-core.ts";
import { useCore } from "../support/use-core.ts";
import {
  claimedSession,
  deviceA,
  eventsOf,
  newSession,
  proofFor,
  recordOf,
  redisNowMs,
} from "../support/verified-call.ts";

const fixture = useCore();
const standing = { mostWrongDids: 5 };

/** The record of device A, as enrolment leaves it and guesses change it. */
async function stand(core: Core, fields: Record<string, string | number> = {}): Promise<string> {
  const key = deviceKeys(core.keyspace, deviceA.deviceId).device;
  await core.redis.hset(key, { zid: deviceA.deviceId, status: "active", ...fields });
  return key;
}

const refused = [
  { outcome: "device_revoked", fields: { status: "revoked" } },
  { outcome: "device_disabled", fields: { status: "disabled" } },
  { outcome: "rate_limited", fields: { wrongInWindow: 5, windowEndsAt: Number.MAX_SAFE_INTEGER } },
  { outcome: "rate_limited", fields: { wrongInWindow: 6, windowEndsAt: Number.MAX_SAFE_INTEGER, status: "revoked" } },
];

describe("a script that looks at the device first", () => {
  test("[C74] may do so with one Redis, whose scripts touch keys of any slot", async () => {
    const core = fixture.open();
    expect(await combinesSlots(core.redis, core.keyspace)).toBe(true);
  });

  test.each(refused)(
    "[C74] answers $outcome to $fields before it looks at anything else",
    async ({ outcome, fields }) => {
      const core = fixture.open();
      const { session, nonce } = await claimedSession(core);
      const before = [await recordOf(core, session.sessionId), await eventsOf(core, session.sessionId)];
      await stand(core, fields);
      const proof = proofFor(session, nonce, { standing });
      const attacker = { ...proof, tenant: "another", nonce: "spent" };
      for (const asked of [proof, attacker]) {
        const result = await core.sessions.decide(asked);
        expect({ outcome: result.outcome, session: result.session }).toEqual({ outcome, session: undefined });
        expect(result.refusal?.retryAfterSeconds !== undefined).toBe(outcome === "rate_limited");
      }
      const callHash = core.sessions.callHash(session);
      const code = { callHash, kind: "did", did: "000000", ...deviceA, nonce: "nonce-of-nobody", standing } as const;
      expect((await core.sessions.claim(code)).outcome).toBe(outcome);
      expect([await recordOf(core, session.sessionId), await eventsOf(core, session.sessionId)]).toEqual(before);
    },
  );

  test("[C74] says how long a device that guessed too often has to wait", async () => {
    const core = fixture.open();
    const { session, nonce } = await claimedSession(core);
    await stand(core, { wrongInWindow: 5, windowEndsAt: (await redisNowMs(core)) + 90_000 });
    const { refusal } = await core.sessions.decide(proofFor(session, nonce, { standing }));
    expect(refusal).toMatchObject({ code: "rate_limited", first: false });
    expect(refusal!.retryAfterSeconds).toBeGreaterThan(80);
    expect(refusal!.retryAfterSeconds).toBeLessThanOrEqual(90);
  });

  test("[C74] refuses whoever was never enrolled as revoked", async () => {
    const core = fixture.open();
    const { session, nonce } = await claimedSession(core);
    expect((await core.sessions.decide(proofFor(session, nonce, { standing }))).outcome).toBe("device_revoked");
  });

  test.each([
    { name: "fewer wrong DIDs than its tenant allows", fields: { wrongInWindow: 4, windowEndsAt: 9e15 } },
    { name: "a window that is over", fields: { wrongInWindow: 50, windowEndsAt: 1 } },
  ])("[C74] lets a device with $name confirm, and its counters begin anew, but the window's", async ({ fields }) => {
    const core = fixture.open();
    const { session, nonce } = await claimedSession(core);
    const key = await stand(core, { ...fields, wrongInARow: 4, offersSinceConfirmation: 2 });
    expect((await core.sessions.decide(proofFor(session, nonce, { standing }))).outcome).toBe("confirmed");
    const shown = await core.redis.hgetall(key);
    expect(shown).toMatchObject({
      wrongInARow: "0",
      offersSinceConfirmation: "0",
      wrongInWindow: String(fields.wrongInWindow),
    });
  });

  test("[C74] limits no denial, and a denial begins no counter anew", async () => {
    const core = fixture.open();
    const { session, nonce } = await claimedSession(core);
    const key = await stand(core, { wrongInARow: 9, wrongInWindow: 9, windowEndsAt: 9e15 });
    const denial = proofFor(session, nonce, { decision: "deny", code: "", standing: { mostWrongDids: 0 } });
    expect((await core.sessions.decide(denial)).outcome).toBe("denied");
    expect(await core.redis.hget(key, "wrongInARow")).toBe("9");
  });

  test("[C74] writes nothing of a device that nothing has counted against", async () => {
    const core = fixture.open();
    const { session } = await core.sessions.create(newSession());
    const key = await stand(core);
    const claimed = await core.sessions.claim({
      callHash: core.sessions.callHash(session),
      kind: "did",
      did: session.did,
      ...deviceA,
      nonce: "nonce-of-a",
      standing,
    });
    expect(claimed.outcome).toBe("claimed");
    expect((await core.sessions.decide(proofFor(session, claimed.nonce, { standing }))).outcome).toBe("confirmed");
    expect(await core.redis.hgetall(key)).toEqual({ zid: deviceA.deviceId, status: "active" });
  });
});
