import type { CallStatus, EndReason, WebhookPurpose } from "../ledger/ledger-entry.ts";
import { SandboxError } from "../sandbox-error.ts";
import type { HttpMethod, TwimlDocument, Verb } from "../twiml/twiml.ts";
import type { StatusEvent } from "../webhooks/status-event.ts";
import { Keypad } from "./keypad.ts";
import { readSpokenCode, type TranscriptLine } from "./transcript.ts";

export interface UrlSource {
  from: "url";
  url: string;
  method: HttpMethod;
  purpose: WebhookPurpose;
  parameters?: Record<string, string>;
}

/** Where the next TwiML comes from. */
export type DocumentSource = UrlSource | { from: "twiml"; twiml: string };

export interface CallEnd {
  status: CallStatus;
  reason: EndReason;
  /** Real milliseconds from answer to end; 0 when it was never answered. */
  durationMs: number;
}

export interface CallSetup {
  sid: string;
  accountSid: string;
  direction: "inbound" | "outbound-api";
  from: string;
  to: string;
  status: CallStatus;
  stirVerstat?: string | undefined;
  fallback?: { url: string; method: HttpMethod } | undefined;
  statusCallback?: { url: string; method: HttpMethod; events: readonly StatusEvent[] } | undefined;
}

/** What the call is doing right now; `baseUrl` is absent for inline TwiML. */
export interface Position {
  verb: Verb;
  document: TwimlDocument;
  baseUrl: string | undefined;
}

const OVER: readonly CallStatus[] = ["completed", "busy", "failed", "no-answer", "canceled"];

/** The state of one call. It is conducted by `conductCall`; everything else changes it only through these methods. */
export class LiveCall {
  readonly sid: string;
  readonly accountSid: string;
  readonly direction: "inbound" | "outbound-api";
  readonly from: string;
  readonly to: string;
  readonly stirVerstat: string | undefined;
  readonly createdAt = new Date();
  readonly keypad = new Keypad();
  readonly transcript: TranscriptLine[] = [];
  readonly ended: Promise<CallEnd>;
  status: CallStatus;
  startTime: Date | undefined;
  endTime: Date | undefined;
  position: Position | undefined;
  fallback: { url: string; method: HttpMethod } | undefined;
  statusCallback:
    | { url: string; method: HttpMethod; events: readonly StatusEvent[]; nextSequenceNumber: number }
    | undefined;
  #answeredAt: number | undefined;
  #endedAt: number | undefined;
  #redirect: DocumentSource | undefined;
  #run = new AbortController();
  readonly #resolveEnded: (end: CallEnd) => void;
  readonly #onStatus: (call: LiveCall, end: CallEnd | undefined) => void;

  constructor(setup: CallSetup, onStatus: (call: LiveCall, end: CallEnd | undefined) => void) {
    this.sid = setup.sid;
    this.accountSid = setup.accountSid;
    this.direction = setup.direction;
    this.from = setup.from;
    this.to = setup.to;
    this.stirVerstat = setup.stirVerstat;
    this.status = setup.status;
    this.fallback = setup.fallback;
    this.statusCallback = setup.statusCallback && { ...setup.statusCallback, nextSequenceNumber: 0 };
    this.#onStatus = onStatus;
    const { promise, resolve } = Promise.withResolvers<CallEnd>();
    this.ended = promise;
    this.#resolveEnded = resolve;
  }

  get isOver(): boolean {
    return OVER.includes(this.status);
  }

  /** Real milliseconds since it was answered, up to its end. */
  get answeredMs(): number {
    return this.#answeredAt === undefined ? 0 : (this.#endedAt ?? performance.now()) - this.#answeredAt;
  }

  /** The last code of four to ten digits that was read to the caller. */
  get spokenCode(): string | undefined {
    return readSpokenCode(this.transcript);
  }

  /** Begins to play a document: the signal ends with the next redirect or with the call. */
  startRun(): AbortSignal {
    this.#run = new AbortController();
    if (this.isOver) this.#run.abort();
    return this.#run.signal;
  }

  /** Interrupts whatever plays and goes on with another document. */
  redirect(source: DocumentSource): void {
    if (this.status !== "in-progress") throw new SandboxError("call_ended", "the call is not in progress");
    this.#redirect = source;
    this.#run.abort();
  }

  /** The document that an update asked for, once. */
  takeRedirect(): DocumentSource | undefined {
    const source = this.#redirect;
    this.#redirect = undefined;
    return source;
  }

  advance(status: CallStatus): void {
    if (this.isOver || this.status === status) return;
    this.status = status;
    if (status === "in-progress") {
      this.#answeredAt = performance.now();
      this.startTime = new Date();
    }
    this.#onStatus(this, undefined);
  }

  /** Ends the call, once: what comes second changes nothing. */
  end(reason: EndReason, status: CallStatus): void {
    if (this.isOver) return;
    this.#endedAt = performance.now();
    this.endTime = new Date();
    this.startTime ??= this.endTime;
    this.status = status;
    const end = { status, reason, durationMs: this.answeredMs };
    this.#run.abort();
    this.#onStatus(this, end);
    this.#resolveEnded(end);
  }

  hangUp(): void {
    this.end("caller_hung_up", this.status === "in-progress" ? "completed" : "no-answer");
  }
}
