import { describe, expect, test } from "vitest";
import { sessionKeys } from "../../core/redis/keys.ts";
import type { NewSession } from "../../core/redis/session-requests.ts";
import type { Session } from "../../core/verification/session.ts";
import type { Core } from "../support/open-core.ts";
import { useCore } from "../support/use-core.ts";
import {
  type ClaimOptions,
  claim,
  claimedSession,
  deviceB,
  expire,
  newSession,
  proofFor,
  recordOf,
} from "../support/verified-call.ts";

const fixture = useCore();

describe("a claim", () => {
  const claims: {
    name: string;
    given?: Partial<NewSession>;
    options?: ClaimOptions;
    outcome: string;
    after?: (core: Core, session: Session) => Promise<unknown>;
  }[] = [
    { name: "the spoken DID is claimed", outcome: "claimed" },
    { name: "another DID is wrong_did", options: { did: "654321" }, outcome: "wrong_did" },
    { name: "no DID is wrong_did", options: { did: "" }, outcome: "wrong_did" },
    {
      name: "another person than the expected is subject_mismatch",
      given: { expectedSubject: deviceB.subjectId },
      outcome: "subject_mismatch",
    },
    {
      name: "another person than the expected cannot be offered the call either",
      given: { expectedSubject: deviceB.subjectId },
      options: { kind: "push" },
      outcome: "subject_mismatch",
    },
    {
      name: "a session whose time is over is expired",
      outcome: "expired",
      after: (core, session) => expire(core, session.sessionId),
    },
    {
      name: "a session whose call has ended is expired",
      outcome: "expired",
      after: (core, { sessionId, tenant }) =>
        core.sessions.endCall(sessionId, { tenant, correlationId: "corr-end", event: {} }),
    },
    {
      name: "a canceled session is wrong_did",
      outcome: "wrong_did",
      after: (core, session) => core.sessions.cancel(session.sessionId, "acme", "corr-cancel"),
    },
  ];

  test.each(claims)("[C11] $name", async ({ given, options, outcome, after }) => {
    const core = fixture.open();
    const { session } = await core.sessions.create(newSession(given));
    await after?.(core, session);
    const before = await recordOf(core, session.sessionId);
    expect((await claim(core, session, options)).outcome).toBe(outcome);
    if (outcome !== "claimed") expect(await recordOf(core, session.sessionId)).toEqual(before);
  });

  test("[C11] a claim that is repeated gets the same nonce, and does not lock the session", async () => {
    const core = fixture.open();
    const { session } = await core.sessions.create(newSession());
    const first = await claim(core, session);
    expect((await claim(core, session)).nonce).toBe(first.nonce);
    const other = await claim(core, session, { device: deviceB });
    expect(other.nonce).not.toBe(first.nonce);
    expect((await core.sessions.decide(proofFor(session, other.nonce, deviceB))).outcome).toBe("confirmed");
  });

  test("[C11] a call without a session is wrong_did", async () => {
    const core = fixture.open();
    const { session } = await fixture.open().sessions.create(newSession());
    expect(await claim(core, session)).toMatchObject({ outcome: "wrong_did", nonce: "" });
  });

  test("[C11] what is returned and published carries no nonce and no turn of the loop", async () => {
    const core = fixture.open();
    const { session, proof, nonce } = await claimedSession(core);
    const turn = { tenant: "acme", index: 1, digit: "7", correlationId: "corr", event: {} };
    await core.sessions.advanceLoop(session.sessionId, turn);
    const keys = sessionKeys(core.keyspace, session.sessionId);
    const subscriber = core.connections.open("subscriber");
    const published = Promise.withResolvers<string>();
    subscriber.on("message", (_channel: string, message: string) => published.resolve(message));
    await subscriber.subscribe(keys.channel);
    await core.sessions.decide(proof);
    for (const text of [
      await published.promise,
      JSON.stringify(await core.run("read_session", [keys.session], [""])),
    ]) {
      expect(text).toContain(session.sessionId);
      expect(text).not.toMatch(/nonce:|loop:/);
      expect(text).not.toContain(nonce);
    }
  });
});
