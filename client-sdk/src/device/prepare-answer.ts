import { CallsealSdkError } from "../errors.ts";
import type { DeviceContext } from "./device-context.ts";
import type { Challenge, ProofClaims } from "./protocol.ts";
import { repeatProof } from "./repeat-proof.ts";

export interface PreparedAnswer {
  payload: () => Promise<{ proof: string }>;
  /** The moment after which the gateway would answer `late_confirmation`. */
  deadlineMs: number;
}

type Decision = Omit<ProofClaims, "sid" | "cid" | "prv" | "gen" | "nonce" | "mth">;

/** Binds a decision to the call of its challenge and to this device's key: every attempt sends the same proof. */
export function prepareAnswer(context: DeviceContext, challenge: Challenge, decision: Decision): PreparedAnswer {
  const { enrolment, deviceKey, userVerifyingKey } = context.identity;
  const key = decision.uv ? userVerifyingKey : deviceKey;
  if (!key)
    throw new CallsealSdkError("invalid_argument", { detail: "this device was enrolled without a user-verifying key" });
  const proofAt = repeatProof({
    key,
    deviceId: enrolment.deviceId,
    audience: enrolment.audience,
    answer: {
      sid: challenge.sessionId,
      cid: challenge.callId,
      prv: challenge.provider,
      gen: challenge.generation,
      nonce: challenge.nonce,
      ...(challenge.push ? { mth: "push" } : {}),
      ...decision,
    },
  });
  return {
    payload: async () => ({ proof: await proofAt(context.clock()) }),
    deadlineMs: Date.parse(challenge.expiresAt),
  };
}
