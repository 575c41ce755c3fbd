import { randomUUID } from "node:crypto";
import { sessionKeys } from "../../core/redis/keys.ts";
import type { NewSession, ProofOfDecision } from "../../core/redis/session-requests.ts";
import type { Session } from "../../core/verification/session.ts";
import type { Core } from "./open-core.ts";

export const deviceA = { deviceId: "zid_A", subjectId: "suid_A" };
export const deviceB = { deviceId: "zid_B", subjectId: "suid_B" };

/** What a gateway gives to create a session; every call is a new one unless `callId` says otherwise. */
export function newSession(overrides: Partial<NewSession> = {}): NewSession {
  return {
    tenant: "acme",
    provider: "generic",
    callId: `call-${randomUUID()}`,
    did: "123456",
    ttlSeconds: 60,
    maxRetries: 3,
    maxReissues: 1,
    reissue: false,
    locale: "en-US",
    metadata: {},
    mode: "direct",
    origin: "https://gateway.test",
    correlationId: "corr-0001",
    event: {},
    ...overrides,
  };
}

/** A right proof of the device for the session: overrides make it wrong. */
export function proofFor(session: Session, nonce: string, overrides: Partial<ProofOfDecision> = {}): ProofOfDecision {
  return {
    tenant: session.tenant,
    sessionId: session.sessionId,
    ...deviceA,
    decision: "confirm",
    jti: `jti-${randomUUID()}`,
    callId: session.callId,
    provider: session.provider,
    generation: session.generation,
    nonce,
    method: "did",
    push: "match",
    code: session.did,
    correlationId: "corr-0002",
    event: {},
    receipt: { amr: "mca swk user", acr: "urn:callseal:acr:code", prf: "prf" },
    ...overrides,
  };
}

export interface ClaimOptions {
  device?: { deviceId: string; subjectId: string };
  kind?: "did" | "push";
  did?: string;
  nonce?: string;
}

/** Claims the session for a device, by its DID unless told otherwise; answers what the store answered. */
export async function claim(core: Core, session: Session, options: ClaimOptions = {}) {
  const kind = options.kind ?? "did";
  return await core.sessions.claim({
    callHash: core.sessions.callHash(session),
    kind,
    did: options.did ?? (kind === "did" ? session.did : ""),
    ...(options.device ?? deviceA),
    nonce: options.nonce ?? `nonce-${randomUUID()}`,
  });
}

/** A pending session that device A has claimed. */
export async function claimedSession(core: Core, overrides: Partial<NewSession> = {}) {
  const { session } = await core.sessions.create(newSession(overrides));
  const { nonce } = await claim(core, session);
  return { session, nonce, proof: proofFor(session, nonce) };
}

/** Every field of the session's record, as Redis holds it. */
export async function recordOf(core: Core, sessionId: string): Promise<Record<string, string>> {
  return await core.redis.hgetall(sessionKeys(core.keyspace, sessionId).session);
}

/** Moves the session's expiry to `agoMs` before now, by the clock of Redis: nobody has to wait for it. */
export async function expire(core: Core, sessionId: string, agoMs = 1): Promise<void> {
  const keys = sessionKeys(core.keyspace, sessionId);
  const expiresAt = String((await redisNowMs(core)) - agoMs);
  await core.redis.hset(keys.session, "expiresAt", expiresAt);
  await core.redis.zadd(keys.due, "XX", expiresAt, sessionId);
}

export async function redisNowMs(core: Core): Promise<number> {
  const [seconds, microseconds] = (await core.redis.time()) as unknown as [number, number];
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}

/** Every event in the outbox of the session's partition that belongs to the session, oldest first. */
export async function eventsOf(core: Core, sessionId: string): Promise<Record<string, string>[]> {
  const { outbox } = sessionKeys(core.keyspace, sessionId);
  const entries = (await core.redis.xrange(outbox, "-", "+")) as [string, string[]][];
  return entries
    .map(([, flat]) => Object.fromEntries(flat.flatMap((_, i) => (i % 2 === 0 ? [[flat[i]!, flat[i + 1]!]] : []))))
    .filter((event) => event["sessionId"] === sessionId);
}
