import { generateKeyPairSync } from "node:crypto";

export interface KeyPairJwks {
  privateJwk: Record<string, unknown>;
  publicJwk: string;
}

/** A fresh P-256 key pair, as it crosses to other processes. */
export function newKeyPair(): KeyPairJwks {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    privateJwk: privateKey.export({ format: "jwk" }) as Record<string, unknown>,
    publicJwk: JSON.stringify(publicKey.export({ format: "jwk" })),
  };
}
