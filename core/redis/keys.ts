import { createHmac, hash } from "node:crypto";
import { LRUCache } from "lru-cache";

const rememberedIds = 10_000;

/**
 * Every key name, hash tag and channel of Callseal, in one place. A session, its call, its partition's outbox and its
 * owed intercept share the tag `{p<n>}`, so that one script may touch them under Redis Cluster.
 *
 * | key | type | lives |
 * |---|---|---|
 * | `…:{p<n>}:call:<h>` | hash | `retention.callSeconds` after the last session |
 * | `…:{p<n>}:call:<h>:<generation>` | hash | its TTL and `retention.sessionSeconds` |
 * | `…:{p<n>}:rate:polls:<h>:<generation>` | string | 1 minute after the first poll |
 * | `…:{p<n>}:outbox` | stream | registered data, bounded in length |
 * | `…:{p<n>}:readers` | hash | registered data: how far each group of consumers is |
 * | `…:{p<n>}:audit` | stream | registered data, removed only by `callseal audit prune` |
 * | `…:{p<n>}:audit:head` | hash | registered data |
 * | `…:{p<n>}:due`, `…:{p<n>}:owed` | sorted set | registered data, emptied by the work itself |
 * | `…:{p<n>}:subject:<suid>`, `…:{p<n>}:devices:<suid>`, `…:{p<n>}:device:<zid>` | hash, set | registered data |
 * | `…:{p<n>}:activation:<hash>` | hash | 15 minutes |
 * | `…:{did:<tenant>}:code:<did>` | string | the session's TTL and 30 s |
 * | `…:{did:<tenant>}:live:<digits>` | sorted set | 10 minutes after the last code |
 * | `…:{did:<tenant>}:rate:sessions-key:<hash>`, `…:{did:<tenant>}:rate:sessions-ani:<hash>` | string | 1 minute after the first creation |
 * | `…:phone:<hash>` | set | registered data |
 * | `…:{p<n>}:wait` | string | 1 minute, with replicas configured |
 * | `…:{p<n>}:offers:<zid>` | set | as long as the newest offer |
 * | `…:token:<zid>:<jti>` | string | 2 minutes |
 * | `…:case:<hash>`, `…:rate:*` | hash, string | their own window |
 * | `…:deployment` | hash | registered data |
 */
export class Keyspace {
  readonly prefix: string;
  readonly partitions: number;
  /** One request touches the keys of its session and device several times, and a hash costs more than all of a key's name. */
  readonly #known = new LRUCache<string, number>({ max: rememberedIds });

  constructor({ prefix, partitions }: { prefix: string; partitions: number }) {
    this.prefix = prefix;
    this.partitions = partitions;
  }

  partitionOf(id: string): number {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const partition = partitionOf(id, this.partitions);
    this.#known.set(id, partition);
    return partition;
  }
}

const sessionIdShape = /^csn_([A-Za-z0-9_-]{22})_([1-9][0-9]{0,8})$/;

/** The parts of a session id, or undefined when the text is none. */
export function parseSessionId(sessionId: string): { callHash: string; generation: number } | undefined {
  const match = sessionIdShape.exec(sessionId);
  return match ? { callHash: match[1]!, generation: Number(match[2]) } : undefined;
}

/** 128 bits that name a call: without the deployment's secret nobody can guess them (ARCHITECTURE, session key). */
export function hashCall(secret: string, call: { tenant: string; provider: string; callId: string }): string {
  return createHmac("sha256", secret)
    .update(`${call.tenant}|${call.provider}|${call.callId}`)
    .digest()
    .subarray(0, 16)
    .toString("base64url");
}

/** The partition that a random-looking id belongs to. */
export function partitionOf(id: string, partitions: number): number {
  return hash("sha1", id, "buffer").readUInt32BE(0) % partitions;
}

export interface SessionKeys {
  call: string;
  session: string;
  polls: string;
  outbox: string;
  due: string;
  owed: string;
  channel: string;
}

export function callKeys(keyspace: Keyspace, callHash: string): Omit<SessionKeys, "session"> {
  const base = partitionBase(keyspace, keyspace.partitionOf(callHash));
  return {
    call: `${base}:call:${callHash}`,
    outbox: `${base}:outbox`,
    due: `${base}:due`,
    owed: `${base}:owed`,
    polls: `${base}:rate:polls:${callHash}`,
    channel: `${base}:status:${callHash}`,
  };
}

/** The keys of one session. Throws a RangeError on a text that is no session id: callers parse ids at the door. */
export function sessionKeys(keyspace: Keyspace, sessionId: string): SessionKeys {
  const id = parseSessionId(sessionId);
  if (!id) throw new RangeError("not a session id");
  const keys = callKeys(keyspace, id.callHash);
  const of = (key: string) => `${key}:${id.generation}`;
  return { ...keys, session: of(keys.call), polls: of(keys.polls), channel: of(keys.channel) };
}

export function partitionBase(keyspace: Keyspace, partition: number): string {
  return `${keyspace.prefix}:{p${partition}}`;
}

/** What consumers of a partition's events use: the events, how far each group is, the audit chain and its end. */
export function outboxKeys(keyspace: Keyspace, partition: number) {
  const base = partitionBase(keyspace, partition);
  return {
    outbox: `${base}:outbox`,
    readers: `${base}:readers`,
    audit: `${base}:audit`,
    auditHead: `${base}:audit:head`,
  };
}

export interface DidKeys {
  codes: string;
  live: string;
}

export function didKeys(keyspace: Keyspace, tenant: string): DidKeys {
  const base = `${keyspace.prefix}:{did:${tenant}}`;
  return { codes: `${base}:code`, live: `${base}:live` };
}

/** Who creates sessions, counted beside the tenant's codes; neither a key's id nor a number is in a key name. */
export function creationKeys(
  keyspace: Keyspace,
  tenant: string,
  by: { keyId: string; ani: string },
): { byKey: string; byAni: string } {
  const base = `${keyspace.prefix}:{did:${tenant}}:rate`;
  const hashed = (text: string) => hash("sha256", text, "base64url");
  return { byKey: `${base}:sessions-key:${hashed(by.keyId)}`, byAni: `${base}:sessions-ani:${hashed(by.ani)}` };
}

/** A subject, its devices and its activation codes live in the subject's partition; their ids are drawn to fit it. */
export function subjectKeys(keyspace: Keyspace, suid: string): { subject: string; devices: string; outbox: string } {
  const base = partitionBase(keyspace, keyspace.partitionOf(suid));
  return { subject: `${base}:subject:${suid}`, devices: `${base}:devices:${suid}`, outbox: `${base}:outbox` };
}

export function deviceKeys(keyspace: Keyspace, zid: string): { device: string; outbox: string } {
  const base = partitionBase(keyspace, keyspace.partitionOf(zid));
  return { device: `${base}:device:${zid}`, outbox: `${base}:outbox` };
}

/** An activation code is never stored: its record is found by its hash. */
export function activationKey(keyspace: Keyspace, code: string): string {
  const base = partitionBase(keyspace, keyspace.partitionOf(code));
  return `${base}:activation:${hash("sha256", code, "base64url")}`;
}

/** Which subjects have a number; the number itself is in no key name. */
export function phoneKey(keyspace: Keyspace, tenant: string, phone: string): string {
  return `${keyspace.prefix}:phone:${hash("sha256", `${tenant}|${phone}`, "base64url")}`;
}

export function tokenKey(keyspace: Keyspace, zid: string, jti: string): string {
  return `${keyspace.prefix}:token:${zid}:${hash("sha256", jti, "base64url")}`;
}

/** The sessions that were offered to a device and may still be answered. */
export function offersKey(keyspace: Keyspace, zid: string): string {
  return `${partitionBase(keyspace, keyspace.partitionOf(zid))}:offers:${zid}`;
}

export function caseKey(keyspace: Keyspace, tenant: string, caseId: string): string {
  return `${keyspace.prefix}:case:${hash("sha256", `${tenant}|${caseId}`, "base64url")}`;
}

export function deploymentKey(keyspace: Keyspace): string {
  return `${keyspace.prefix}:deployment`;
}

export function ratePrefix(keyspace: Keyspace, name: string): string {
  return `${keyspace.prefix}:rate:${name}`;
}
