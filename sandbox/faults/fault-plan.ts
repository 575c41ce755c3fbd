import { randomUUID } from "node:crypto";
import { seededDraw } from "./seeded-draw.ts";

/** Which requests a fault is for: REST updates and fetches of a call, webhooks that fetch a document, status callbacks. */
export type FaultTarget = "call_update" | "call_fetch" | "webhook" | "status_callback";

/**
 * On the REST API: `500`; `429`; `slow` (waits `delayMs`, then does it); `lateSuccess` (does it at once, answers after
 * `delayMs`); `reset` (the connection breaks, nothing was done); `resetAfterEffect` (it was done, the connection breaks).
 * On webhooks: `drop` (never arrives: a connection failure); `delay` (arrives `delayMs` late); `duplicate` (arrives
 * twice); `loseAnswer` (arrives, its answer does not).
 */
export type RestFaultKind = "500" | "429" | "slow" | "lateSuccess" | "reset" | "resetAfterEffect";
export type WebhookFaultKind = "drop" | "delay" | "duplicate" | "loseAnswer";
export type FaultKind = RestFaultKind | WebhookFaultKind;

export interface FaultRequest {
  target: FaultTarget;
  kind: FaultKind;
  /** How many requests it hits; default 1, or without limit when `rate` is given. */
  times?: number;
  /** Probability 0–1 that a request is hit, drawn from `seed`; default 1. */
  rate?: number;
  /** Seed of the draw; default 1. The same seed hits the same requests in the same order. */
  seed?: number;
  /** Real milliseconds for `slow`, `lateSuccess` and `delay`; default 1000. */
  delayMs?: number;
  /** `Retry-After` of a `429`; absent means no header. */
  retryAfterSeconds?: number;
  /** Only requests about this call. */
  callSid?: string;
}

export interface Fault extends FaultRequest {
  id: string;
  delayMs: number;
  remaining: number;
  injected: number;
}

const REST_KINDS: readonly FaultKind[] = ["500", "429", "slow", "lateSuccess", "reset", "resetAfterEffect"];

/** The faults to inject, in the order in which they were added; the first that hits a request is the only one it gets. */
export class FaultPlan {
  #faults: { fault: Fault; draw: () => number }[] = [];

  get faults(): readonly Readonly<Fault>[] {
    return this.#faults.map(({ fault }) => fault);
  }

  add(request: FaultRequest): Readonly<Fault> {
    const onRest = request.target === "call_update" || request.target === "call_fetch";
    if (onRest !== REST_KINDS.includes(request.kind)) {
      throw new RangeError(`a fault of kind ${request.kind} does not fit the target ${request.target}`);
    }
    const unlimited = request.rate === undefined ? 1 : Number.POSITIVE_INFINITY;
    const fault: Fault = {
      ...request,
      id: randomUUID(),
      delayMs: request.delayMs ?? 1000,
      remaining: request.times ?? unlimited,
      injected: 0,
    };
    this.#faults.push({ fault, draw: seededDraw(request.seed ?? 1) });
    return fault;
  }

  clear(): void {
    this.#faults = [];
  }

  /** The fault that hits this request, counted as used; undefined when none does. */
  take(target: FaultTarget, callSid: string | undefined): Readonly<Fault> | undefined {
    for (const { fault, draw } of this.#faults) {
      const concerned = fault.target === target && (fault.callSid === undefined || fault.callSid === callSid);
      if (!concerned || fault.remaining <= 0) continue;
      if (fault.rate !== undefined && draw() >= fault.rate) continue;
      fault.remaining -= 1;
      fault.injected += 1;
      return fault;
    }
    return undefined;
  }
}
