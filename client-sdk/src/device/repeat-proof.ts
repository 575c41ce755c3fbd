import { type ProofOptions, proofLifetimeSeconds, signProof } from "./sign-proof.ts";

/**
 * Gives the same proof for every attempt, so that the gateway recognises a repeat and a user-verifying key asks its person
 * once. Only a proof that has nearly expired is signed again, under the same `jti`, by which the first result is kept.
 */
export function repeatProof(answer: Omit<ProofOptions, "jti" | "nowMs">): (nowMs: number) => Promise<string> {
  const jti = crypto.randomUUID();
  let current: { proof: string; goodUntilMs: number } | undefined;
  return async (nowMs) => {
    if (current && nowMs < current.goodUntilMs) return current.proof;
    const proof = await signProof({ ...answer, jti, nowMs });
    // Five seconds for the way and for clocks that disagree.
    current = { proof, goodUntilMs: nowMs + (proofLifetimeSeconds - 5) * 1000 };
    return proof;
  };
}
