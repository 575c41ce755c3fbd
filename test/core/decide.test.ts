import { describe, expect, test } from "vitest";
import type { DecideOutcome } from "../../core/redis/session-replies.ts";
import type { ProofOfDecision } from "../../core/redis/session-requests.ts";
import type { Session } from "../../core/verification/session.ts";
import type { Core } from "../support/open-core.ts";
import { useCore } from "../support/use-core.ts";
import {
  claim,
  claimedSession,
  deviceA,
  deviceB,
  eventsOf,
  expire,
  newSession,
  proofFor,
  recordOf,
} from "../support/verified-call.ts";

const fixture = useCore();

interface Situation {
  core: Core;
  session: Session;
  proof: ProofOfDecision;
}

const wrongDid = { code: "654321" };
const otherCall = { callId: "another-call" };
const strangeNonce = { nonce: "never-issued" };
const otherPerson = { subjectId: "suid_of_somebody_else" };

/** Makes the proof, or the session under it, break one rule. In the order of PROTOCOL §4. */
const faults: { code: DecideOutcome; apply: (situation: Situation) => Promise<Partial<ProofOfDecision>> }[] = [
  { code: "not_found", apply: async () => ({ tenant: "globex" }) },
  {
    code: "repeated",
    // The proof that won: everything else of it may be wrong by then.
    apply: async ({ core, session, proof }) => {
      const { nonce } = await claim(core, session);
      await core.sessions.decide({ ...proof, ...deviceA, nonce, jti: "jti-that-won" });
      return { jti: "jti-that-won" };
    },
  },
  { code: "call_mismatch", apply: async () => otherCall },
  { code: "invalid_proof", apply: async () => strangeNonce },
  { code: "subject_mismatch", apply: async () => otherPerson },
  { code: "wrong_did", apply: async () => wrongDid },
  {
    code: "session_terminal",
    apply: async ({ core, session }) => {
      await core.sessions.cancel(session.sessionId, "acme", "corr-cancel");
      return {};
    },
  },
  {
    code: "late_confirmation",
    apply: async ({ core, session }) => {
      await expire(core, session.sessionId);
      return {};
    },
  },
];

async function situation(core: Core): Promise<Situation> {
  const { session, proof } = await claimedSession(core, { expectedSubject: deviceA.subjectId });
  return { core, session, proof };
}

describe("what a proof breaks", () => {
  test.each(faults)("[C5] $code is answered to a proof that breaks that rule alone", async ({ code, apply }) => {
    const it = await situation(fixture.open());
    const change = await apply(it);
    expect((await it.core.sessions.decide({ ...it.proof, ...change })).outcome).toBe(code);
  });

  const orderedPairs = faults.flatMap((earlier, index) => faults.slice(index + 1).map((later) => ({ earlier, later })));

  test.each(orderedPairs)("[C5] $earlier.code comes before $later.code", async ({ earlier, later }) => {
    const it = await situation(fixture.open());
    // A session that is over refuses to become anything else, so what ends it in time comes first.
    const changes = [await earlier.apply(it), await later.apply(it)];
    const proof: ProofOfDecision = Object.assign({}, it.proof, ...changes);
    expect((await it.core.sessions.decide(proof)).outcome).toBe(earlier.code);
  });

  test.each([
    { name: "the call id", change: otherCall },
    { name: "the call id in another case", change: { callId: "CALL-1" } },
    { name: "the provider", change: { provider: "twilio" } },
    { name: "the generation", change: { generation: 2 } },
    { name: "a generation of 0", change: { generation: 0 } },
    { name: "a generation that is no number", change: { generation: Number.NaN } },
  ])("[C5] a proof that differs in $name is a call_mismatch", async ({ change }) => {
    const core = fixture.open();
    const { session, proof } = await claimedSession(core, { callId: "call-1" });
    const before = await recordOf(core, session.sessionId);
    expect((await core.sessions.decide({ ...proof, ...change })).outcome).toBe("call_mismatch");
    expect(await recordOf(core, session.sessionId)).toEqual(before);
  });

  const attacker: { name: string; nonce: string }[] = [
    { name: "an unknown nonce", nonce: "never-issued" },
    { name: "no nonce", nonce: "" },
    { name: "the word that marks a spent one", nonce: "spent" },
    { name: "a pattern", nonce: "nonce-*" },
  ];

  test.each(attacker)(
    "[C6] $name is an invalid_proof, also after the device's own nonce is spent",
    async ({ nonce }) => {
      const core = fixture.open();
      const { proof } = await claimedSession(core);
      expect((await core.sessions.decide({ ...proof, nonce })).outcome).toBe("invalid_proof");
      await core.sessions.decide({ ...proof, ...wrongDid });
      expect((await core.sessions.decide({ ...proof, nonce })).outcome).toBe("invalid_proof");
    },
  );

  test("[C6] a nonce serves only the device that it was issued to", async () => {
    const core = fixture.open();
    const { session, proof } = await claimedSession(core);
    await claim(core, session, { device: deviceB });
    expect((await core.sessions.decide({ ...proof, ...deviceB })).outcome).toBe("invalid_proof");
    expect((await core.sessions.decide(proof)).outcome).toBe("confirmed");
  });

  test("[C6] a nonce of an earlier generation is not one of the next", async () => {
    const core = fixture.open();
    const { session, proof } = await claimedSession(core);
    await expire(core, session.sessionId);
    const next = await core.sessions.create(newSession({ callId: session.callId, reissue: true, did: "222222" }));
    expect(next.outcome).toBe("created");
    const forged = proofFor(next.session, proof.nonce);
    expect((await core.sessions.decide(forged)).outcome).toBe("invalid_proof");
  });
});

describe("the spoken code", () => {
  test("[C7] a wrong DID spends the nonce, leaves the session pending and is an event", async () => {
    const core = fixture.open();
    const { session, proof } = await claimedSession(core);
    expect((await core.sessions.decide({ ...proof, ...wrongDid })).outcome).toBe("wrong_did");
    expect((await core.sessions.decide({ ...proof, jti: "another" })).outcome).toBe("invalid_proof");
    expect((await core.sessions.read(session.sessionId, "acme"))?.status).toBe("pending");
    expect((await eventsOf(core, session.sessionId)).map((event) => event.type)).toContain("wrong_did");
    const again = await claim(core, session);
    expect(again.outcome).toBe("claimed");
    expect(again.nonce).not.toBe(proof.nonce);
    expect((await core.sessions.decide({ ...proof, nonce: again.nonce })).outcome).toBe("confirmed");
  });

  test("[C7] a deny needs no DID", async () => {
    const core = fixture.open();
    const { proof } = await claimedSession(core);
    expect((await core.sessions.decide({ ...proof, decision: "deny", code: "" })).outcome).toBe("denied");
  });

  const pushes: { push: string; method: "did" | "push"; code: string; outcome: DecideOutcome }[] = [
    { push: "match", method: "push", code: "56", outcome: "confirmed" },
    { push: "match", method: "push", code: "12", outcome: "wrong_did" },
    { push: "match", method: "push", code: "", outcome: "wrong_did" },
    { push: "match", method: "push", code: "6", outcome: "wrong_did" },
    { push: "match", method: "push", code: "123456", outcome: "wrong_did" },
    { push: "match", method: "did", code: "123456", outcome: "confirmed" },
    { push: "match", method: "did", code: "56", outcome: "wrong_did" },
    { push: "code", method: "push", code: "123456", outcome: "confirmed" },
    { push: "code", method: "push", code: "56", outcome: "wrong_did" },
    { push: "code", method: "push", code: "", outcome: "wrong_did" },
    { push: "tap", method: "push", code: "", outcome: "confirmed" },
    { push: "tap", method: "did", code: "", outcome: "wrong_did" },
    { push: "off", method: "push", code: "56", outcome: "wrong_did" },
    { push: "off", method: "push", code: "", outcome: "wrong_did" },
  ];

  test.each(pushes)(
    "[C8] under push policy $push an offer that is answered by $method with '$code' is $outcome",
    async ({ push, method, code, outcome }) => {
      const core = fixture.open();
      const { session } = await core.sessions.create(newSession());
      const offer = await claim(core, session, { kind: "push" });
      const proof = proofFor(session, offer.nonce, { push, method, code });
      expect((await core.sessions.decide(proof)).outcome).toBe(outcome);
    },
  );

  test("[C8] one wrong match withdraws the offer from that device, which can still claim the whole code", async () => {
    const core = fixture.open();
    const { session } = await core.sessions.create(newSession());
    const offer = await claim(core, session, { kind: "push" });
    await core.sessions.decide(proofFor(session, offer.nonce, { method: "push", code: "00" }));
    expect((await claim(core, session, { kind: "push" })).outcome).toBe("spent");
    expect((await claim(core, session, { kind: "push", device: deviceB })).outcome).toBe("claimed");
    const { nonce } = await claim(core, session);
    expect((await core.sessions.decide(proofFor(session, nonce))).outcome).toBe("confirmed");
  });

  test("[C8] the nonce of a claim does not answer a push", async () => {
    const core = fixture.open();
    const { proof } = await claimedSession(core);
    const attacker = { ...proof, method: "push" as const, push: "tap", code: "" };
    expect((await core.sessions.decide(attacker)).outcome).toBe("invalid_proof");
  });
});

describe("a proof that is repeated", () => {
  test("[C9] the winner's proof gets the first result again, also when the session's time is over", async () => {
    const core = fixture.open();
    const { session, proof } = await claimedSession(core);
    const first = await core.sessions.decide(proof);
    await expire(core, session.sessionId);
    await core.sessions.endCall(session.sessionId, { tenant: "acme", correlationId: "corr-end", event: {} });
    const before = await recordOf(core, session.sessionId);
    const second = await core.sessions.decide(proof);
    expect(second.outcome).toBe("repeated");
    expect(second.session).toMatchObject({ status: "confirmed", deviceId: deviceA.deviceId });
    expect(second.session).toMatchObject({ confirmedAtMs: (first.session as { confirmedAtMs: number }).confirmedAtMs });
    expect(await recordOf(core, session.sessionId)).toEqual(before);
  });

  test("[C9] a deny that is repeated gets the denial again", async () => {
    const core = fixture.open();
    const { proof } = await claimedSession(core);
    const deny = { ...proof, decision: "deny" as const };
    await core.sessions.decide(deny);
    expect(await core.sessions.decide(deny)).toMatchObject({ outcome: "repeated", session: { status: "denied" } });
  });

  test("[C9] another device with the winner's jti does not get its result", async () => {
    const core = fixture.open();
    const { session, proof } = await claimedSession(core);
    const other = await claim(core, session, { device: deviceB });
    await core.sessions.decide(proof);
    const copied = { ...proof, ...deviceB, nonce: other.nonce };
    expect((await core.sessions.decide(copied)).outcome).toBe("session_terminal");
  });

  test("[C9] the loser's proof is session_terminal each time", async () => {
    const core = fixture.open();
    const { session, proof } = await claimedSession(core);
    const other = await claim(core, session, { device: deviceB });
    await core.sessions.decide(proof);
    const loser = proofFor(session, other.nonce, deviceB);
    for (let time = 0; time < 3; time += 1)
      expect((await core.sessions.decide(loser)).outcome).toBe("session_terminal");
  });

  test("[C9] of sixteen devices that confirm 100 sessions at once, one wins each and keeps its result", async () => {
    const gateways = [fixture.open()];
    gateways.push(fixture.open({ prefix: gateways[0]!.keyspace.prefix }));
    const core = gateways[0]!;
    for (let run = 0; run < 100; run += 1) {
      const { session } = await core.sessions.create(newSession());
      const proofs = await Promise.all(
        Array.from({ length: 16 }, async (_, index) => {
          const device = { deviceId: `zid_${index}`, subjectId: `suid_${index}` };
          const { nonce } = await claim(core, session, { device });
          return proofFor(session, nonce, device);
        }),
      );
      const race = await Promise.all(proofs.map((proof, index) => gateways[index % 2]!.sessions.decide(proof)));
      const winners = race.flatMap(({ outcome }, index) => (outcome === "confirmed" ? [index] : []));
      expect(winners).toHaveLength(1);
      const losers = race.filter((_, index) => index !== winners[0]);
      expect(new Set(losers.map(({ outcome }) => outcome))).toEqual(new Set(["session_terminal"]));
      const repeated = await gateways[1]!.sessions.decide(proofs[winners[0]!]!);
      expect(repeated.outcome).toBe("repeated");
      expect(repeated.session).toMatchObject({ deviceId: `zid_${winners[0]}` });
    }
  });
});
