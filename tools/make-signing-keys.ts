import { generateKeyPairSync, randomUUID } from "node:crypto";

/**
 * Prints a private JWKS with one new P-256 key, for CALLSEAL_SIGNING_KEYS: `node tools/make-signing-keys.ts > keys.json`.
 * To rotate, put the new key first and keep the old one until its last receipt has expired (10 minutes).
 */
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const key = { ...privateKey.export({ format: "jwk" }), alg: "ES256", use: "sig", kid: randomUUID() };
process.stdout.write(`${JSON.stringify({ keys: [key] }, undefined, 2)}\n`);
