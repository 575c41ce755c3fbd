import type { Queue } from "bullmq";
import { type CallsealEvent, parseStreamEntry } from "../../core/events/event.ts";
import type { OutboxBatch } from "../../core/outbox/outbox-batch.ts";
import { type NotificationJob, notificationQueue } from "../../core/queue/notification-queue.ts";
import { endpointsFor } from "../../core/tenants/event-endpoints.ts";
import type { Tenant } from "../../core/tenants/tenant.ts";
import type { TenantDirectory } from "../../core/tenants/tenant-directory.ts";

/** Puts the events of a batch into the queue, once for each endpoint that wants them; a repeat finds the jobs there. */
export async function queueNotifications(
  batch: OutboxBatch,
  to: { queue: Queue; tenants: TenantDirectory },
): Promise<void> {
  const jobs = batch.entries
    .map((entry) => readEvent(batch.partition, entry))
    .filter((event) => event !== undefined)
    .flatMap((event) => tenantsOf(event, to.tenants).flatMap((tenant) => jobsFor(event, tenant)));
  if (jobs.length > 0) await to.queue.addBulk(jobs);
}

function readEvent(partition: number, entry: [string, string[]]): CallsealEvent | undefined {
  try {
    return parseStreamEntry(partition, entry);
  } catch {
    // Nobody knows what it says or whose it is; the audit trail has it as it stands.
    return undefined;
  }
}

/** `*` is what concerns every tenant. */
function tenantsOf(event: CallsealEvent, tenants: TenantDirectory): readonly Tenant[] {
  if (event.tenant === "*") return tenants.all;
  const tenant = tenants.byId(event.tenant);
  return tenant ? [tenant] : [];
}

function jobsFor(event: CallsealEvent, tenant: Tenant) {
  const { id: eventId, type, correlationId } = event;
  const body = JSON.stringify({ type, timestamp: event.time, data: event });
  return endpointsFor(tenant, type).map(({ id: endpoint, url }) => {
    const data: NotificationJob = {
      tenant: tenant.id,
      endpoint,
      host: new URL(url).host,
      eventId,
      type,
      body,
      correlationId,
    };
    const jobId = notificationQueue.jobId(eventId, `${tenant.id}_${endpoint}`);
    return { name: "notification", data, opts: { ...notificationQueue.options, jobId } };
  });
}
