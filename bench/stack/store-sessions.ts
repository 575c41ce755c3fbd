import { createHash, randomBytes } from "node:crypto";
import { sessionKeys } from "../../core/redis/keys.ts";
import { type Core, openCore } from "../../test/support/open-core.ts";
import { claimedSession } from "../../test/support/verified-call.ts";
import type { DeploymentAccess } from "./deployment-environment.ts";

/** Commands of one pipeline: large enough for the round trip not to count. */
const pipelineSessions = 500;
const lanes = 4;

interface Template {
  session: Record<string, string>;
  call: Record<string, string>;
}

/**
 * Stores so many confirmed sessions, each with its call's record: the very fields that the scripts left of one real
 * verification, under other names, with the lifetimes that the scripts give.
 */
export async function storeSessions(access: DeploymentAccess, count: number): Promise<void> {
  const core = openCore(access.redisUrl, { prefix: access.prefix, secret: access.secret });
  try {
    const template = await makeTemplate(core, access.tenantId);
    let next = 0;
    const lane = async () => {
      while (next < count) {
        const first = next;
        next += pipelineSessions;
        await storeBatch(core, template, { first, count: Math.min(pipelineSessions, count - first) });
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  } finally {
    await core.close();
  }
}

async function makeTemplate(core: Core, tenant: string): Promise<Template> {
  const { session, proof } = await claimedSession(core, {
    tenant,
    mode: "none",
    ani: "+14155550000",
    dnis: "+18005551234",
  });
  const { outcome } = await core.sessions.decide(proof);
  if (outcome !== "confirmed") throw new Error(`the template was not confirmed: ${outcome}`);
  const keys = sessionKeys(core.keyspace, session.sessionId);
  return { session: await core.redis.hgetall(keys.session), call: await core.redis.hgetall(keys.call) };
}

async function storeBatch(core: Core, template: Template, batch: { first: number; count: number }): Promise<void> {
  const pipeline = core.redis.pipeline();
  for (let index = 0; index < batch.count; index += 1) {
    const callId = `CA${createHash("md5")
      .update(`stored ${batch.first + index}`)
      .digest("hex")}`;
    const sessionId = `csn_${randomBytes(16).toString("base64url")}_1`;
    const keys = sessionKeys(core.keyspace, sessionId);
    pipeline.hset(keys.session, { ...template.session, sessionId, callId });
    pipeline.pexpire(keys.session, 960_000);
    pipeline.hset(keys.call, template.call);
    pipeline.pexpire(keys.call, 86_400_000);
  }
  await pipeline.exec();
}
