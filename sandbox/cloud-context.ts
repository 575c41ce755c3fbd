import type { FaultPlan } from "./faults/fault-plan.ts";
import type { Ledger } from "./ledger/ledger.ts";
import type { ScaledClock } from "./scaled-clock.ts";
import type { WebhookAgents } from "./webhooks/webhook-agents.ts";

/** Where the sandbox says what it does. It is given call SIDs and codes, never what was spoken, and never a token. */
export interface SandboxLogger {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
}

/** A Twilio account of the sandbox. `previousAuthTokens` still authenticate on the REST API but sign nothing. */
export interface SandboxAccount {
  /** `AC` and 32 hex digits. */
  accountSid: string;
  authToken: string;
  previousAuthTokens?: readonly string[];
}

/** What the parts of one running voice cloud share; composed once, in `startVoiceCloud`. */
export interface CloudContext {
  readonly accounts: ReadonlyMap<string, SandboxAccount>;
  readonly ledger: Ledger;
  readonly faults: FaultPlan;
  readonly clock: ScaledClock;
  readonly logger: SandboxLogger;
  readonly agents: WebhookAgents;
  /** Aborted when the cloud closes: every wait and request ends with it. */
  readonly closing: AbortSignal;
  readonly fetchInterruptedVerb: boolean;
  /** Keeps hold of work that nobody awaits, so that `close()` can. */
  track(work: Promise<unknown>): void;
}
