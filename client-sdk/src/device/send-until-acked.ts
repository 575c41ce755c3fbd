import { CallsealSdkError } from "../errors.ts";
import { retryUntil } from "../retry-until.ts";
import { abortError } from "../wait-delay.ts";
import type { DeviceContext } from "./device-context.ts";
import { readAck, refusalError } from "./read-ack.ts";

export interface DeviceRequest {
  event: "claim" | "confirm" | "deny";
  /** Called for every attempt; gives the same payload unless that has expired. */
  payload: () => Promise<unknown> | unknown;
  /** No attempt starts after this moment, in milliseconds since the epoch. */
  deadlineMs: number;
  signal?: AbortSignal | undefined;
}

const maxReauthentications = 2;
/** Twice the longest life of a session (PROTOCOL §6), whatever the phone's clock makes of `expiresAt`. */
const maxDurationMs = 600_000;

/**
 * Sends an idempotent request until the gateway has answered it: over lost acks, reconnects and `retry` advice, up to the
 * deadline. A missing ack drops the connection, because a phone that changed networks would wait 45 s to be told.
 *
 * Errors: the gateway's code, `timeout` (the outcome is unknown), `network`, `aborted`, `closed`.
 */
export async function sendUntilAcked(context: DeviceContext, request: DeviceRequest): Promise<Record<string, unknown>> {
  const { link, clock, random, ackTimeoutMs } = context;
  // One attempt is always made in full: a phone's clock may be wrong, and then the gateway decides.
  const nowMs = clock();
  const deadlineMs = Math.min(Math.max(request.deadlineMs, nowMs + ackTimeoutMs), nowMs + maxDurationMs);
  const limit = limitTime(deadlineMs - nowMs, request.signal);
  let reauthentications = 0;
  const attempt = async () => {
    await link.whenConnected(limit.signal);
    const ack = readAck(await sendOrDrop(context, request));
    if (ack.ok) return ack.body;
    const { refusal } = ack;
    if (refusal.advice === "reauthenticate" && reauthentications++ < maxReauthentications) {
      link.reconnect(refusal);
      throw new CallsealSdkError(refusal.code, { retryable: true });
    }
    throw refusalError(refusal);
  };
  try {
    return await retryUntil(attempt, { deadlineMs, clock, random, signal: limit.signal, baseMs: 100, capMs: 2000 });
  } finally {
    limit.end();
  }
}

async function sendOrDrop({ link, ackTimeoutMs }: DeviceContext, request: DeviceRequest): Promise<unknown> {
  const payload = await request.payload();
  try {
    return await link.send(request.event, payload, ackTimeoutMs);
  } catch (error) {
    if (error instanceof CallsealSdkError && error.code === "timeout")
      link.reconnect({ code: "timeout", advice: "retry" });
    throw error;
  }
}

/** A signal that fires with `timeout` after `afterMs`, or as `signal` does. */
function limitTime(afterMs: number, signal: AbortSignal | undefined): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const forward = () => controller.abort(signal && abortError(signal));
  const expire = () => controller.abort(new CallsealSdkError("timeout", { detail: "no answer before the deadline" }));
  const timer = setTimeout(expire, afterMs);
  if (signal?.aborted) forward();
  signal?.addEventListener("abort", forward, { once: true });
  const end = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", forward);
  };
  return { signal: controller.signal, end };
}
