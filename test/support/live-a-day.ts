import { AuditChain } from "../../core/audit/audit-chain.ts";
import { readNext } from "../../core/outbox/read-partition.ts";
import { DidIndex } from "../../core/redis/did-index.ts";
import { VerifiedCases } from "../../core/redis/verified-cases.ts";
import type { Session } from "../../core/verification/session.ts";
import type { Core } from "./open-core.ts";
import { claim, expire, newSession, proofFor, redisNowMs } from "./verified-call.ts";

export interface LivedDay {
  subjectId: string;
  deviceId: string;
  confirmed: Session;
  sessions: Session[];
}

/** Everything that a deployment does to Redis, once: enrolment, every way that a session ends, intercepts, limits. */
export async function liveADay(core: Core): Promise<LivedDay> {
  const { subjectId, deviceId } = await enrolADevice(core);
  const confirmed = await openSession(core);
  const device = { deviceId, subjectId };
  const offer = await claim(core, confirmed, { device, kind: "push" });
  await core.devices.countOffer(deviceId);
  await core.devices.rememberOffer(deviceId, confirmed.sessionId, 60_000);
  await core.sessions.decide(proofFor(confirmed, offer.nonce, { ...device, method: "push", code: "00" }));
  await core.devices.countWrongDid(deviceId);
  const { nonce } = await claim(core, confirmed, { device });
  await core.sessions.decide(proofFor(confirmed, nonce, device));
  await core.devices.noteConfirmation(deviceId);
  await moveTheCall(core, confirmed);

  const canceled = await openSession(core);
  await core.sessions.cancel(canceled.sessionId, "acme", "corr");
  const late = await openSession(core);
  const lateClaim = await claim(core, late, { device });
  await expire(core, late.sessionId);
  await core.sessions.decide(proofFor(late, lateClaim.nonce, device));
  await core.sessions.expire(late.sessionId);
  const sessionOf = { caseId: "CASE-1", sessionId: late.sessionId, subjectId, nowMs: await redisNowMs(core) };
  await new VerifiedCases(core.redis, core.keyspace).record("acme", sessionOf);
  const reissued = await core.sessions.create(newSession({ callId: late.callId, reissue: true, did: "2222222" }));
  for (let index = 1; index <= 4; index += 1) {
    const turn = { tenant: "acme", index, digit: "1", correlationId: "corr", event: {} };
    await core.sessions.advanceLoop(reissued.session.sessionId, turn);
  }
  const pending = await openSession(core);
  await core.sessions.endCall(pending.sessionId, { tenant: "acme", correlationId: "corr", event: {} });
  await core.limits.consume("handshakes", deviceId, 60);
  await core.events.append({ type: "degraded", tenant: "acme", correlationId: "corr-degraded" });
  await recordTheDay(core);
  return { subjectId, deviceId, confirmed, sessions: [confirmed, canceled, late, reissued.session, pending] };
}

async function enrolADevice(core: Core) {
  const { subjectId } = await core.devices.putSubject("acme", `person-${core.keyspace.prefix}`, ["+14155550000"]);
  const { activationCode } = await core.devices.createActivationCode("acme", subjectId);
  await core.devices.createActivationCode("acme", subjectId);
  const deviceId = await core.devices.enrol({
    tenant: "acme",
    subjectId,
    activationCode,
    name: "Pixel 9",
    platform: "android",
    publicJwk: "{}",
    correlationId: "corr-enrol",
  });
  if (deviceId === undefined) throw new Error("the device could not be enrolled");
  await core.devices.spendToken(deviceId, "jti-1");
  await core.devices.noteSeen(deviceId);
  return { subjectId, deviceId };
}

async function openSession(core: Core): Promise<Session> {
  const dids = new DidIndex(core.redis, core.run, core.keyspace);
  const session = newSession();
  const callHash = core.sessions.callHash(session);
  const policy = { didDigits: 6, didCheckDigit: true };
  const creation = { keyId: "ivr", mostByKey: 6000, ani: "+14155550000", mostByAni: 1000 };
  const did = await dids.reserve("acme", callHash, { policy, ttlMs: 60_000, creation });
  const spare = await dids.reserve("acme", callHash, { policy, ttlMs: 60_000 });
  await dids.release("acme", callHash, { code: spare });
  const created = await core.sessions.create({ ...session, did });
  if ((await dids.find("acme", did)) !== callHash) throw new Error("the code does not lead to its call");
  return created.session;
}

async function moveTheCall(core: Core, session: Session): Promise<void> {
  const { sessionId } = session;
  const end = { correlationId: "corr", event: {} };
  await core.sessions.claimIntercept(sessionId, { token: "a", leaseMs: 1000 });
  await core.sessions.completeIntercept(sessionId, { ...end, token: "a", result: "retryable" });
  await core.sessions.claimIntercept(sessionId, { token: "b", leaseMs: 1000 });
  await core.sessions.completeIntercept(sessionId, { ...end, token: "b", result: "failed" });
  await core.sessions.completeIntercept(sessionId, { ...end, token: "", result: "succeeded" });
}

/** Every event of the day goes into the audit trail, as a worker would put it there. */
export async function recordTheDay(core: Core): Promise<void> {
  const chain = new AuditChain(core);
  for (let partition = 0; partition < core.keyspace.partitions; partition += 1) {
    const options = { group: "audit", keyspace: core.keyspace, partition, limit: 1000, watchGaps: false } as const;
    const { entries } = await readNext(core.run, options);
    await chain.record({ partition, entries, again: false });
  }
}
