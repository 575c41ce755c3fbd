import { Queue } from "bullmq";
import { AuditChain } from "../../core/audit/audit-chain.ts";
import type { OutboxBatch } from "../../core/outbox/outbox-batch.ts";
import { notificationQueue } from "../../core/queue/notification-queue.ts";
import { queuePrefix } from "../../core/queue/queues.ts";
import { createTenantDirectory, parseTenants } from "../../core/tenants/tenant-directory.ts";
import { queueNotifications } from "../../worker/notifications/queue-notifications.ts";
import { openCore } from "../support/open-core.ts";
import { startReader } from "./start-reader.ts";

/**
 * A consumer that handles its first batches and never comes to acknowledge them: it waits there to be killed. What it
 * records in the trail is acknowledged with it, so of that it does every second partition.
 */
const [url = "", prefix = "", group = "", tenantsJson = ""] = process.argv.slice(2);
const core = openCore(url, { prefix });
const chain = new AuditChain(core);
const tenants = createTenantDirectory(parseTenants(JSON.parse(tenantsJson)));
const queue = new Queue(notificationQueue.name, {
  connection: core.connections.open("queue"),
  prefix: queuePrefix(core.keyspace.prefix),
});

const handlers: Record<string, (batch: OutboxBatch) => Promise<void>> = {
  audit: async (batch) => {
    if (batch.partition % 2 === 0) await chain.record(batch);
  },
  webhooks: (batch) => queueNotifications(batch, { queue, tenants }),
};
startReader(core, {
  group: group as "audit" | "webhooks",
  handlerAcknowledges: group === "audit",
  handle: async (batch) => {
    await handlers[group]!(batch);
    process.stdout.write(`handled ${batch.entries.length}\n`);
    await new Promise(() => undefined);
  },
});
