import { compactVerify } from "jose";
import { CallsealSdkError } from "../errors.ts";
import { explainVerification, type KeySource } from "../load-jwks.ts";
import type { Challenge, ChallengeContent } from "./protocol.ts";

const fields = [
  "sessionId",
  "callId",
  "provider",
  "generation",
  "nonce",
  "expiresAt",
  "organisation",
  "dnis",
  "aniMasked",
  "aniMatchesDevice",
] as const satisfies (keyof ChallengeContent)[];

const maxJwsLength = 8192;

export interface ChallengeReader {
  /** The gateway's public keys. */
  keys: KeySource;
  deviceId: string;
  /** The gateway's public origin. */
  gateway: string;
}

/**
 * Checks the gateway's signature over a challenge (PROTOCOL §4) and that the plain fields say the same, then returns what was
 * signed and nothing else: whoever stands between gateway and device cannot make a person look at another call.
 *
 * Errors: `invalid_challenge`; `network` when the gateway's keys could not be read.
 */
export async function verifyChallenge(received: unknown, reader: ChallengeReader): Promise<Challenge> {
  const plain = readObject(received);
  const jws = plain["jws"];
  if (typeof jws !== "string" || jws.length > maxJwsLength) throw invalid("it carries no signature");
  const signed = await readSigned(jws, reader.keys);
  // A gateway that says for whom and from whom a challenge is means it; PROTOCOL §4 does not oblige it to say so.
  if (signed["aud"] !== undefined && signed["aud"] !== reader.deviceId) throw invalid("it is for another device");
  if (signed["iss"] !== undefined && signed["iss"] !== reader.gateway) throw invalid("it is from another gateway");
  for (const field of fields) {
    if ((plain[field] ?? null) !== (signed[field] ?? null)) throw invalid(`${field} is not what was signed`);
  }
  return { ...readContent(signed), jws };
}

async function readSigned(jws: string, keys: KeySource): Promise<Record<string, unknown>> {
  let verified: Awaited<ReturnType<typeof compactVerify>>;
  try {
    verified = await compactVerify(jws, keys, { algorithms: ["ES256"] });
  } catch (error) {
    throw explainVerification(error, "invalid_challenge");
  }
  // A receipt is signed by the same keys: the type is what keeps one from passing for the other (RFC 8725 §3.11).
  if (verified.protectedHeader.typ !== "callseal-challenge+jwt") throw invalid("it is another kind of token");
  try {
    return readObject(JSON.parse(new TextDecoder().decode(verified.payload)));
  } catch (cause) {
    throw cause instanceof CallsealSdkError ? cause : invalid("its content is not JSON");
  }
}

function readContent(signed: Record<string, unknown>): ChallengeContent {
  const text = (field: keyof ChallengeContent): string => {
    const value = signed[field];
    if (typeof value !== "string" || value === "") throw invalid(`${field} is missing`);
    return value;
  };
  const generation = signed["generation"];
  if (typeof generation !== "number" || !Number.isSafeInteger(generation)) throw invalid("generation is missing");
  const expiresAt = text("expiresAt");
  if (Number.isNaN(Date.parse(expiresAt))) throw invalid("expiresAt is not a time");
  const { dnis, aniMasked, aniMatchesDevice } = signed;
  return {
    sessionId: text("sessionId"),
    callId: text("callId"),
    provider: text("provider"),
    generation,
    nonce: text("nonce"),
    expiresAt,
    organisation: text("organisation"),
    dnis: typeof dnis === "string" ? dnis : null,
    aniMasked: typeof aniMasked === "string" ? aniMasked : null,
    aniMatchesDevice: typeof aniMatchesDevice === "boolean" ? aniMatchesDevice : null,
  };
}

function readObject(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid("it is not an object");
  return value as Record<string, unknown>;
}

function invalid(detail: string): CallsealSdkError {
  return new CallsealSdkError("invalid_challenge", { detail });
}
