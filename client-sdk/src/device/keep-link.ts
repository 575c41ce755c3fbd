import { io, type Socket } from "socket.io-client";
import { type CallsealErrorCode, CallsealSdkError } from "../errors.ts";
import { abortError } from "../wait-delay.ts";
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

/** One socket to the gateway that is kept until the gateway or the app ends it. */
export interface Link {
  readonly state: LinkState;
  /** Rejects with the reason when the link has stopped or closed, or with `aborted` when `signal` fires. */
  whenConnected(signal: AbortSignal): Promise<void>;
  /** One request on the present connection. Errors: `network` when it breaks, `timeout` when no ack comes. */
  send(event: string, payload: unknown, ackTimeoutMs: number): Promise<unknown>;
  /** Drops the present connection and authenticates again. */
  reconnect(refusal: Refusal): void;
  close(): void;
}

/** Opens the link (PROTOCOL §4: Socket.IO v4, namespace `/device`, WebSocket only) and keeps it open as the policy says. */
export function keepLink(options: LinkOptions): Link {
  const socket = openSocket(options, () => lose("key_store", { code: "key_store", advice: "retry" }));
  const waiters = new Set<() => void>();
  let state: LinkState = "connecting";
  let end: CallsealSdkError | undefined;
  let connectedAtMs: number | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const settle = (next: LinkState) => {
    state = next;
    for (const wake of [...waiters]) wake();
  };
  const finish = (next: "stopped" | "closed", error: CallsealSdkError) => {
    if (end) return false;
    end = error;
    clearTimeout(timer);
    socket.disconnect();
    socket.off();
    settle(next);
    return true;
  };
  const attempt = () => {
    timer = setTimeout(() => lose("timeout", { code: "timeout", advice: "retry" }), options.connectTimeoutMs);
    socket.connect();
  };
  /** Whatever ended the connection or the handshake: leave it behind, and come back when the policy says. */
  const lose = (reason: string, refusal: Refusal) => {
    if (end) return;
    clearTimeout(timer);
    const upMs = connectedAtMs === undefined ? 0 : Math.max(1, options.clock() - connectedAtMs);
    connectedAtMs = undefined;
    state = "connecting";
    socket.disconnect();
    const step = options.policy.next(refusal, upMs);
    if (upMs > 0) options.onDisconnected(reason);
    if (step.kind === "wait") timer = setTimeout(attempt, step.delayMs);
    else if (finish("stopped", stopError(refusal))) options.onStopped(stopError(refusal));
  };

  socket.on("connect", () => {
    clearTimeout(timer);
    connectedAtMs = options.clock();
    settle("connected");
    options.onConnected();
  });
  socket.on("connect_error", (error: Error & { data?: unknown }) => {
    lose("refused", error.data === undefined ? { code: "network", advice: "retry" } : readRefusal(error.data));
  });
  socket.on("disconnect", (reason) => {
    // Our own `socket.disconnect()` above is answered by this event too.
    if (reason !== "io client disconnect") lose(reason, { code: "network", advice: "retry" });
  });
  socket.onAny((event: string, payload: unknown) => options.onMessage(event, payload));
  attempt();

  return {
    get state() {
      return state;
    },
    whenConnected: (signal) =>
      new Promise((resolve, reject) => {
        const leave = () => {
          waiters.delete(check);
          signal.removeEventListener("abort", check);
        };
        const check = () => {
          if (!signal.aborted && !end && state !== "connected") return;
          leave();
          if (signal.aborted) reject(abortError(signal));
          else if (end) reject(end);
          else resolve();
        };
        waiters.add(check);
        signal.addEventListener("abort", check);
        check();
      }),
    send: (event, payload, ackTimeoutMs) => sendOnce(socket, { event, payload, ackTimeoutMs }),
    reconnect: (refusal) => {
      if (state === "connected") lose(refusal.code, refusal);
    },
    close: () => void finish("closed", new CallsealSdkError("closed", { detail: "the connection was closed" })),
  };
}

function openSocket({ gatewayUrl, signToken }: LinkOptions, onUnsigned: () => void): Socket {
  let handshakes = 0;
  return io(`${gatewayUrl}/device`, {
    transports: ["websocket"],
    forceNew: true,
    autoConnect: false,
    // The policy decides, not the library: it knows nothing of advice.
    reconnection: false,
    auth: (answer) => {
      const handshake = ++handshakes;
      // A key store may take its time; a token that comes after its handshake was given up belongs to nobody.
      const isCurrent = () => handshake === handshakes;
      signToken().then(
        (token) => isCurrent() && answer({ token }),
        () => isCurrent() && onUnsigned(),
      );
    },
  });
}

async function sendOnce(socket: Socket, request: { event: string; payload: unknown; ackTimeoutMs: number }) {
  if (!socket.connected) throw new CallsealSdkError("network", { detail: "not connected" });
  try {
    return (await socket.timeout(request.ackTimeoutMs).emitWithAck(request.event, request.payload)) as unknown;
  } catch (cause) {
    const code: CallsealErrorCode = socket.connected ? "timeout" : "network";
    throw new CallsealSdkError(code, { detail: "no acknowledgement", cause });
  }
}

function stopError(refusal: Refusal): CallsealSdkError {
  return new CallsealSdkError(refusal.code, { detail: "the gateway refuses this device", retryable: false });
}
