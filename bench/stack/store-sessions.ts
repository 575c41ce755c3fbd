import { hash, randomBytes } from "node:crypto";
import { sessionKeys } from "../../core/redis/keys.ts";
import { type Core, openCore } from "../../test/support/open-core.ts";
import { claimedSession } from "../../test/support/verified-call.ts";
import type { DeploymentAccess } from "./deployment-environment.ts";

/** Sessions that one script stores: short enough for a Redis that others share. */
const batchSessions = 500;
const lanes = 4;

/** Copies the template's two records under the names of each session, with the lifetimes that the scripts give. */
const storeScript = `
for i = 3, #KEYS, 2 do
  redis.call("COPY", KEYS[1], KEYS[i])
  redis.call("HSET", KEYS[i], "sessionId", ARGV[i - 2], "callId", ARGV[i - 1])
  redis.call("PEXPIRE", KEYS[i], 960000)
  redis.call("COPY", KEYS[2], KEYS[i + 1])
  redis.call("PEXPIRE", KEYS[i + 1], 86400000)
end`;

interface StoreCommand {
  benchStore(...args: (string | number)[]): Promise<unknown>;
}

/**
 * Stores so many confirmed sessions, each with its call's record: the very fields that the scripts left of one real
 * verification, under other names.
 */
export async function storeSessions(access: DeploymentAccess, count: number): Promise<void> {
  const core = openCore(access.redisUrl, { prefix: access.prefix, secret: access.secret });
  try {
    core.redis.defineCommand("benchStore", { lua: storeScript });
    const template = await makeTemplate(core, access.tenantId);
    let next = 0;
    const lane = async () => {
      while (next < count) {
        const first = next;
        next += batchSessions;
        await storeBatch(core, template, { first, count: Math.min(batchSessions, count - first) });
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  } finally {
    await core.close();
  }
}

/** The keys of one session that was verified, and of its call. */
async function makeTemplate(core: Core, tenant: string): Promise<[session: string, call: string]> {
  const { session, proof } = await claimedSession(core, {
    tenant,
    mode: "none",
    ani: "+14155550000",
    dnis: "+18005551234",
  });
  const { outcome } = await core.sessions.decide(proof);
  if (outcome !== "confirmed") throw new Error(`the template was not confirmed: ${outcome}`);
  const keys = sessionKeys(core.keyspace, session.sessionId);
  return [keys.session, keys.call];
}

async function storeBatch(
  core: Core,
  template: readonly string[],
  batch: { first: number; count: number },
): Promise<void> {
  const keys = [...template];
  const names: string[] = [];
  for (let index = 0; index < batch.count; index += 1) {
    const callId = `CA${hash("md5", `stored ${batch.first + index}`)}`;
    const sessionId = `csn_${randomBytes(16).toString("base64url")}_1`;
    const { session, call } = sessionKeys(core.keyspace, sessionId);
    keys.push(session, call);
    names.push(sessionId, callId);
  }
  await (core.redis as unknown as StoreCommand).benchStore(keys.length, ...keys, ...names);
}
