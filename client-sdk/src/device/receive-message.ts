import { CallsealSdkError } from "../errors.ts";
import { retryUntil } from "../retry-until.ts";
import type { DeviceContext } from "./device-context.ts";
import type { Challenge, PushKind, Withdrawal } from "./protocol.ts";
import { verifyChallenge } from "./verify-challenge.ts";

export interface Offer {
  challenge: Challenge;
  push: PushKind;
}

export type DeviceMessage = { kind: "offer"; offer: Offer } | { kind: "withdrawn"; withdrawal: Withdrawal };

/**
 * Reads what the gateway sends of its own accord: a verified offer, a withdrawal, or undefined for what this version does not know.
 *
 * Errors: `invalid_challenge`, `invalid_response`, `network`.
 */
export async function receiveMessage(
  context: DeviceContext,
  event: string,
  payload: unknown,
): Promise<DeviceMessage | undefined> {
  const body = (typeof payload === "object" && payload !== null ? payload : {}) as Record<string, unknown>;
  if (event === "offer") return { kind: "offer", offer: await readOffer(context, body) };
  if (event !== "withdrawn") return undefined;
  const { sessionId, reason } = body;
  if (typeof sessionId !== "string")
    throw new CallsealSdkError("invalid_response", { detail: "a withdrawal names no session" });
  return { kind: "withdrawn", withdrawal: { sessionId, reason: typeof reason === "string" ? reason : "unknown" } };
}

async function readOffer(context: DeviceContext, body: Record<string, unknown>): Promise<Offer> {
  const { push } = body;
  if (push !== "match" && push !== "code" && push !== "tap") {
    throw new CallsealSdkError("invalid_response", { detail: "an offer of an unknown kind" });
  }
  const { clock, random, reader } = context;
  // The shortest life of a session is 10 s (PROTOCOL §6); an offer that is shown later is of no use.
  const deadlineMs = clock() + 10_000;
  const verify = () => verifyChallenge(body["challenge"], reader);
  const challenge = await retryUntil(verify, { deadlineMs, clock, random, baseMs: 100, capMs: 2000 });
  return { challenge: { ...challenge, push }, push };
}
