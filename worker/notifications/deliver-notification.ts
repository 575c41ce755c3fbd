import { UnrecoverableError } from "bullmq";
import type { NotificationJob } from "../../core/queue/notification-queue.ts";
import { type EventEndpoint, findEndpoint } from "../../core/tenants/event-endpoints.ts";
import type { Tenant } from "../../core/tenants/tenant.ts";
import type { TenantDirectory } from "../../core/tenants/tenant-directory.ts";
import type { GuardedDispatcher } from "../delivery/guarded-dispatcher.ts";
import { type DeliveryOutcome, postWebhook } from "../delivery/post-webhook.ts";
import { DeliveryFailed } from "./spread-retries.ts";

export interface NotificationTargets {
  tenants: TenantDirectory;
  /** The connection pool for what a tenant's URLs may reach. */
  targetOf(tenant: Tenant): GuardedDispatcher;
  /** Milliseconds for one attempt. */
  timeoutMs: number;
}

/**
 * Makes one attempt; resolves when it was delivered. Throws DeliveryFailed when another attempt may succeed, and an
 * UnrecoverableError when none can before a person has changed something.
 */
export async function deliverNotification(
  job: NotificationJob,
  targets: NotificationTargets,
  signal: AbortSignal,
): Promise<void> {
  const tenant = targets.tenants.byId(job.tenant);
  const endpoint = tenant && findEndpoint(tenant, job.endpoint);
  if (!tenant || !endpoint) throw new UnrecoverableError("endpoint_removed");
  const outcome = await post(job, { target: targets.targetOf(tenant), endpoint, timeoutMs: targets.timeoutMs, signal });
  if (outcome.outcome === "delivered") return;
  if (outcome.outcome === "retryable") throw new DeliveryFailed(outcome.detail, outcome.retryAfterMs);
  if (isHopeless(outcome.detail)) throw new UnrecoverableError(outcome.detail);
  throw new DeliveryFailed(outcome.detail);
}

async function post(
  job: NotificationJob,
  to: { target: GuardedDispatcher; endpoint: Omit<EventEndpoint, "id">; timeoutMs: number; signal: AbortSignal },
): Promise<DeliveryOutcome> {
  return await postWebhook(to.target, {
    url: to.endpoint.url,
    secrets: to.endpoint.secrets,
    id: job.eventId,
    body: job.body,
    correlationId: job.correlationId,
    timeoutMs: to.timeoutMs,
    signal: to.signal,
  });
}

/** No call waits here, so a receiver that answers 401 while it is set up has hours to come right; 410 says never again. */
function isHopeless(detail: string): boolean {
  return detail === "http_410" || !detail.startsWith("http_");
}
