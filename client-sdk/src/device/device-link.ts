import type { Socket } from "socket.io-client";
import { CallsealSdkError } from "../errors.ts";
import { abortError } from "../wait-delay.ts";
import { openSocket } from "./open-socket.ts";
import { readRefusal } from "./read-ack.ts";
import type { ReconnectPolicy, Refusal } from "./reconnect-policy.ts";

export type LinkState = "connecting" | "connected" | "stopped" | "closed";

export interface LinkOptions {
  gatewayUrl: string;
  /** A fresh token for every handshake. */
  signToken: () => Promise<string>;
  policy: ReconnectPolicy;
  /** Milliseconds for one handshake. */
  connectTimeoutMs: number;
  clock: () => number;
  onConnected: () => void;
  onDisconnected: (reason: string) => void;
  /** The gateway will not have this device; nothing is tried again. */
  onStopped: (error: CallsealSdkError) => void;
  onMessage: (event: string, payload: unknown) => void;
}

/** One socket to the gateway, left and opened again as the policy says until the gateway or the app ends it. */
export class DeviceLink {
  readonly #options: LinkOptions;
  readonly #socket: Socket;
  readonly #waiters = new Set<() => void>();
  #state: LinkState = "connecting";
  #end: CallsealSdkError | undefined;
  #connectedAtMs: number | undefined;
  /** Of the handshake under way, or of the pause before the next one. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    const unsigned: Refusal = { code: "key_store", advice: "retry" };
    this.#socket = openSocket(options, () => this.#lose("key_store", unsigned));
    this.#socket.on("connect", () => this.#connected());
    this.#socket.on("connect_error", (error: Error & { data?: unknown }) => {
      this.#lose("refused", error.data === undefined ? { code: "network", advice: "retry" } : readRefusal(error.data));
    });
    this.#socket.on("disconnect", (reason) => {
      // Our own `disconnect()` is answered by this event too.
      if (reason !== "io client disconnect") this.#lose(reason, { code: "network", advice: "retry" });
    });
    this.#socket.onAny((event: string, payload: unknown) => options.onMessage(event, payload));
    this.#attempt();
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Rejects with the reason when the link has stopped or closed, or as `signal` fires. */
  whenConnected(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (!signal.aborted && !this.#end && this.#state !== "connected") return;
        this.#waiters.delete(check);
        signal.removeEventListener("abort", check);
        if (signal.aborted) reject(abortError(signal));
        else if (this.#end) reject(this.#end);
        else resolve();
      };
      this.#waiters.add(check);
      signal.addEventListener("abort", check);
      check();
    });
  }

  /** One request on the present connection. Errors: `network` when it breaks, `timeout` when no ack comes. */
  async send(event: string, payload: unknown, ackTimeoutMs: number): Promise<unknown> {
    if (!this.#socket.connected) throw new CallsealSdkError("network", { detail: "not connected" });
    try {
      return (await this.#socket.timeout(ackTimeoutMs).emitWithAck(event, payload)) as unknown;
    } catch (cause) {
      throw new CallsealSdkError(this.#socket.connected ? "timeout" : "network", {
        detail: "no acknowledgement",
        cause,
      });
    }
  }

  /** Drops the present connection and authenticates again. */
  reconnect(refusal: Refusal): void {
    if (this.#state === "connected") this.#lose(refusal.code, refusal);
  }

  /** Idempotent. */
  close(): void {
    this.#finish("closed", new CallsealSdkError("closed", { detail: "the connection was closed" }));
  }

  #attempt(): void {
    const silent: Refusal = { code: "timeout", advice: "retry" };
    this.#timer = setTimeout(() => this.#lose("timeout", silent), this.#options.connectTimeoutMs);
    this.#socket.connect();
  }

  #connected(): void {
    clearTimeout(this.#timer);
    this.#connectedAtMs = this.#options.clock();
    this.#settle("connected");
    this.#options.onConnected();
  }

  /** Whatever ended the connection or the handshake: leave it behind, and come back when the policy says. */
  #lose(reason: string, refusal: Refusal): void {
    if (this.#end) return;
    clearTimeout(this.#timer);
    const upMs = this.#connectedAtMs === undefined ? 0 : Math.max(1, this.#options.clock() - this.#connectedAtMs);
    this.#connectedAtMs = undefined;
    this.#state = "connecting";
    this.#socket.disconnect();
    const step = this.#options.policy.next(refusal, upMs);
    if (step.kind === "wait") this.#timer = setTimeout(() => this.#attempt(), step.delayMs);
    if (upMs > 0) this.#options.onDisconnected(reason);
    if (step.kind === "stop") this.#stop(refusal);
  }

  #stop(refusal: Refusal): void {
    const error = new CallsealSdkError(refusal.code, { detail: "the gateway refuses this device", retryable: false });
    if (this.#finish("stopped", error)) this.#options.onStopped(error);
  }

  #finish(state: "stopped" | "closed", error: CallsealSdkError): boolean {
    if (this.#end) return false;
    this.#end = error;
    clearTimeout(this.#timer);
    this.#socket.off();
    this.#socket.offAny();
    this.#socket.disconnect();
    this.#settle(state);
    return true;
  }

  #settle(state: LinkState): void {
    this.#state = state;
    for (const wake of [...this.#waiters]) wake();
  }
}
