import type { NewEvent } from "../../core/events/event-log.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { KeptRecords, type KeptRecordsContext } from "./kept-records.ts";

/**
 * Records every use of a degraded policy as an event (PROTOCOL §6), also those that happen while the store is away,
 * which most of them do: they are kept with their own time until it answers again. One that was written twice is known
 * by its correlation id.
 */
export class DegradedUses {
  readonly #clock: GatewayContext["clock"];
  readonly #kept: KeptRecords<NewEvent>;

  constructor(context: KeptRecordsContext & Pick<GatewayContext, "events" | "clock">) {
    this.#clock = context.clock;
    this.#kept = new KeptRecords(context, "degraded", (event) => context.events.append(event));
  }

  /** Returns at once: the caller is not kept waiting for the record. */
  record(use: Omit<NewEvent, "type">): void {
    const data = { ...use.data, occurredAt: new Date(this.#clock.now()).toISOString() };
    this.#kept.keep({ ...use, type: "degraded", data });
  }
}
