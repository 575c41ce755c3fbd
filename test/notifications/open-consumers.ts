import { Registry } from "prom-client";
import { createLogger } from "../../core/logging/create-logger.ts";
import type { TenantInput } from "../../core/tenants/tenant.ts";
import { createTenantDirectory, parseTenants } from "../../core/tenants/tenant-directory.ts";
import { type OutboxTuning, startOutboxConsumers } from "../../worker/outbox/start-outbox-consumers.ts";
import type { Core } from "../support/open-core.ts";
import type { CoreFixture } from "../support/use-core.ts";
import { type Answer, answerWith, startTarget, type Target } from "../worker/delivery/start-target.ts";

export const secrets = [
  `whsec_${Buffer.alloc(32, 1).toString("base64")}`,
  `whsec_${Buffer.alloc(32, 2).toString("base64")}`,
];

/** A tenant whose events go to these endpoints. */
export function notifiedTenant(webhooks: TenantInput["webhooks"], overrides: Partial<TenantInput> = {}): TenantInput {
  return {
    id: "acme",
    name: "Acme Bank",
    apiKeys: [{ id: "ops", key: `cs_test_${overrides.id ?? "acme"}_key`, scopes: ["admin"] }],
    allowInsecureTargets: true,
    webhooks,
    ...overrides,
  };
}

export async function openTarget(fixture: CoreFixture, answer: Answer = answerWith(204)): Promise<Target> {
  const target = await startTarget(answer);
  fixture.closeAfter(() => target.close());
  return target;
}

/** The consumers as a worker runs them, impatient where a test would wait. */
export function openConsumers(
  fixture: CoreFixture,
  core: Core,
  options: { tenants: TenantInput[]; tuning?: Partial<OutboxTuning> },
) {
  const logs: Record<string, unknown>[] = [];
  const registry = new Registry();
  const faults: { event: string; error: unknown }[] = [];
  const destination = { write: (line: string) => void logs.push(JSON.parse(line)) };
  const consumers = startOutboxConsumers({
    connections: core.connections,
    keyspace: core.keyspace,
    outboxLimit: 25_000,
    tenants: createTenantDirectory(parseTenants({ tenants: options.tenants })),
    registry,
    logger: createLogger({ level: "debug", process: "worker", destination }),
    onFault: (event, error) => faults.push({ event, error }),
    tuning: { staleAfterMs: 100, claimEveryMs: 100, retryDelayMs: () => 5, ...options.tuning },
  });
  fixture.closeAfter(() => consumers.close());
  return { consumers, logs, registry, faults };
}
