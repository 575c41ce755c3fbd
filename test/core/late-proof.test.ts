import { describe, expect, test } from "vitest";
import { readScript } from "../../core/redis/scripts.ts";
import type { Core } from "../support/open-core.ts";
import { useCore } from "../support/use-core.ts";
import { claimedSession, eventsOf, expire, newSession, recordOf } from "../support/verified-call.ts";

const fixture = useCore();

describe("a proof that comes late", () => {
  const lates: { name: string; make: (core: Core, sessionId: string) => Promise<unknown> }[] = [
    { name: "1 ms after the expiry", make: (core, sessionId) => expire(core, sessionId, 1) },
    { name: "after the timeout was recorded", make: recordTimeout },
    {
      name: "after the hang-up",
      make: (core, sessionId) =>
        core.sessions.endCall(sessionId, { tenant: "acme", correlationId: "corr-end", event: {} }),
    },
  ];
  async function recordTimeout(core: Core, sessionId: string) {
    await expire(core, sessionId);
    await core.sessions.expire(sessionId);
  }
  const decisions = ["confirm", "deny"] as const;

  test.each(lates.flatMap((late) => decisions.map((decision) => ({ ...late, decision }))))(
    "[C10] a $decision $name is late and changes nothing of the record",
    async ({ make, decision }) => {
      const core = fixture.open();
      const { session, proof } = await claimedSession(core);
      await make(core, session.sessionId);
      const before = await recordOf(core, session.sessionId);
      const sets = async () => await core.redis.keys(`${core.keyspace.prefix}:*:owed`);
      expect((await core.sessions.decide({ ...proof, decision })).outcome).toBe("late_confirmation");
      expect(await recordOf(core, session.sessionId)).toEqual(before);
      expect(await sets()).toEqual([]);
      const types = (await eventsOf(core, session.sessionId)).map((event) => event.type);
      expect(types.filter((type) => type === "late_confirmation")).toHaveLength(1);
      expect(types).not.toContain("confirmed");
    },
  );

  test("[C10] a session whose time is over reads as timeout although nothing recorded it", async () => {
    const core = fixture.open();
    const { session } = await claimedSession(core);
    await expire(core, session.sessionId, 0);
    expect((await recordOf(core, session.sessionId)).status).toBe("pending");
    expect((await core.sessions.read(session.sessionId, "acme"))?.status).toBe("timeout");
    expect((await core.sessions.readLatest(session))?.status).toBe("timeout");
    expect((await core.sessions.create(newSession({ callId: session.callId }))).session.status).toBe("timeout");
    const unchanged = await core.sessions.cancel(session.sessionId, "acme", "corr-cancel");
    expect(unchanged).toMatchObject({ outcome: "unchanged", session: { status: "timeout" } });
  });

  test("[C10] a timer that fires early is told so and changes nothing", async () => {
    const core = fixture.open();
    const { session } = await claimedSession(core);
    const before = await recordOf(core, session.sessionId);
    const early = await core.sessions.expire(session.sessionId);
    expect(early.outcome).toBe("not_due");
    expect(early.session!.expiresAtMs - early.nowMs).toBeGreaterThan(0);
    expect(await recordOf(core, session.sessionId)).toEqual(before);
  });
});

describe("the end of a session's time", () => {
  test("[C10] is the millisecond of expiresAt itself, and only a pending session has one", async () => {
    const core = fixture.open();
    const constants = 'local PUBLISH = "PUBLISH"\nlocal OUTBOX_LIMIT = 1000\n';
    const at = async (status: string, now: number) => {
      const body = `return status_at({ status = "${status}", expiresAt = "1000" }, ${now})`;
      return await core.redis.eval(constants + readScript("lib/session") + body, 0);
    };
    expect([await at("pending", 999), await at("pending", 1000), await at("pending", 1001)]).toEqual([
      "pending",
      "timeout",
      "timeout",
    ]);
    for (const status of ["confirmed", "denied", "canceled", "timeout"]) expect(await at(status, 1001)).toBe(status);
  });
});
