import type { Counter } from "prom-client";
import { eventTypes } from "../../core/events/event.ts";
import type { OutboxBatch } from "../../core/outbox/outbox-batch.ts";
import type { TenantDirectory } from "../../core/tenants/tenant-directory.ts";

const types: readonly string[] = eventTypes;

/** Counts a batch by tenant and type. What is given out again is not counted again. */
export function countEvents(
  batch: OutboxBatch,
  to: { counter: Counter<"tenant" | "type">; tenants: TenantDirectory },
): void {
  if (batch.again) return;
  for (const [, fields] of batch.entries) {
    const type = fieldOf(fields, "type");
    const tenant = fieldOf(fields, "tenant");
    // Labels stay a closed set, whatever stands in the stream.
    const known = to.tenants.byId(tenant) !== undefined;
    to.counter.inc({ tenant: known ? tenant : "*", type: types.includes(type) ? type : "other" });
  }
}

function fieldOf(fields: readonly string[], name: string): string {
  for (let index = 0; index < fields.length; index += 2) if (fields[index] === name) return fields[index + 1]!;
  return "";
}
