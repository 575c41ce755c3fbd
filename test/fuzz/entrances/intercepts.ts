import type { JobQueues } from "../../../core/queue/job-queues.ts";
import type { Core } from "../../support/open-core.ts";
import { claimedSession } from "../../support/verified-call.ts";
import type { Entrance } from "../entrance.ts";
import { callIdOf } from "../hostile-provider.ts";
import { acme, fuzzPublicUrl } from "../tenants.ts";

/** Confirmed calls for the worker to move, at a provider whose answers are hostile. */
export function intercepts(core: Core, jobs: JobQueues): Entrance {
  return {
    name: "provider answers (worker)",
    weight: 0.5,
    async run({ random, index }) {
      const provider = random.pick(["twilio", "twilio", "nice", "generic"] as const);
      const { proof } = await claimedSession(core, {
        tenant: acme.id,
        provider,
        callId: callIdOf(index),
        ttlSeconds: 10,
        mode: provider === "generic" ? "webhook" : "direct",
        origin: fuzzPublicUrl,
      });
      const { outcome, session } = await core.sessions.decide({ ...proof, tenant: acme.id });
      if (session) jobs.addIntercept(session.sessionId, session.correlationId);
      return `${provider} ${outcome}`;
    },
  };
}
