import { retryUntil } from "../retry-until.ts";
import type { DeviceContext } from "./device-context.ts";
import type { Challenge } from "./protocol.ts";
import { readDid } from "./read-did.ts";
import { sendUntilAcked } from "./send-until-acked.ts";
import { verifyChallenge } from "./verify-challenge.ts";

export interface ClaimOptions {
  signal?: AbortSignal;
}

/** Asks which live call speaks this code, and returns what the gateway signed about it. */
export async function claim(context: DeviceContext, typed: string, options: ClaimOptions = {}): Promise<Challenge> {
  const did = readDid(typed, context.checkDigits);
  const deadlineMs = context.clock() + context.claimTimeoutMs;
  const { signal } = options;
  const ack = await sendUntilAcked(context, { event: "claim", payload: () => ({ did }), deadlineMs, signal });
  const { clock, random } = context;
  return retryUntil(() => verifyChallenge(ack["challenge"], context.reader), {
    deadlineMs,
    clock,
    random,
    signal,
    baseMs: 100,
    capMs: 2000,
  });
}
