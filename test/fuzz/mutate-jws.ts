import { createHmac, type KeyObject, sign } from "node:crypto";
import { hostileValue, writeJson } from "./hostile-values.ts";
import { mutateText, mutateValue } from "./mutate-json.ts";
import type { FuzzRandom } from "./random.ts";

export interface JwsToMutate {
  key: KeyObject;
  header: Record<string, unknown>;
  /** Claims as they are, or their text when no serializer would write it. */
  claims: unknown;
}

const algorithms = ["none", "HS256", "ES384", "RS256", "EdDSA", "ES256", "es256", "", "PS256"];
const oddMembers: readonly [string, unknown][] = [
  ["jwk", { kty: "EC", crv: "P-256", x: "x", y: "y" }],
  ["jku", "https://evil.test/jwks.json"],
  ["x5u", "https://evil.test/cert"],
  ["x5c", ["x"]],
  ["crit", ["b64"]],
  ["b64", false],
  ["kid", "zid_AAAAAAAAAAAAAAAAAAAAAA"],
  ["kid", ["x"]],
  ["kid", { toString: "x" }],
  ["typ", "callseal-receipt+jwt"],
  ["typ", 7],
  ["zip", "DEF"],
  ["cty", "JWT"],
];

/** Claims with a member gone, swapped in type or hostile, or with times that are moved. */
export function mutateClaims(random: FuzzRandom, claims: Record<string, unknown>): unknown {
  if (random.chance(0.25)) {
    const { iat } = claims;
    const shift = random.pick([-7200, -61, -30, 29, 31, 7200, 0.5, Number.MAX_SAFE_INTEGER]);
    const moved = Number(iat) + shift;
    return { ...claims, iat: random.chance(0.5) ? moved : iat, exp: moved + random.pick([-1, 0, 1, 60, 61, 3600]) };
  }
  return mutateValue(random, claims);
}

/** A compact JWS that is rightly signed over what it holds, mostly, or made wrong in its header, text or signature. */
export function mutateJws(random: FuzzRandom, { key, header, claims }: JwsToMutate): string {
  const written = typeof claims === "string" ? claims : writeJson(claims);
  const text = random.chance(0.05) ? written.replace("{", `{"iss":${writeJson(hostileValue(random))},`) : written;
  const head = random.chance(0.25) ? mutateHeader(random, header) : header;
  const input = `${segment(JSON.stringify(head) ?? "")}.${segment(text)}`;
  const signature = signInput(random, key, input);
  const jws = `${input}.${signature}`;
  return random.chance(0.85) ? jws : breakText(random, jws);
}

function mutateHeader(random: FuzzRandom, header: Record<string, unknown>): unknown {
  switch (random.below(4)) {
    case 0:
      return { ...header, alg: random.pick(algorithms) };
    case 1:
      return { ...header, ...Object.fromEntries([random.pick(oddMembers)]) };
    case 2:
      return { ...header, alg: hostileValue(random) };
    default:
      return mutateValue(random, header);
  }
}

function signInput(random: FuzzRandom, key: KeyObject, input: string): string {
  if (random.chance(0.03)) return createHmac("sha512", "x").update(input).digest("base64url");
  const digest = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  const signature = sign(digest, Buffer.from(input), { key, dsaEncoding: random.chance(0.97) ? "ieee-p1363" : "der" });
  if (random.chance(0.03)) signature[random.below(signature.length)]! ^= 1 << random.below(8);
  if (random.chance(0.01)) signature.fill(0);
  return signature.toString("base64url");
}

function breakText(random: FuzzRandom, jws: string): string {
  const [head = "", claims = "", signature = ""] = jws.split(".");
  return random.pick([
    () => `${head}.${claims}.`,
    () => `${head}..${signature}`,
    () => `${jws}.${signature}`,
    () => `${head}=.${claims}.${signature}`,
    () => jws.replaceAll("-", "+").replaceAll("_", "/"),
    () => jws.slice(0, random.below(jws.length)),
    () => `${head}.${claims.repeat(20)}.${signature}`,
    () => `${segment("[".repeat(2000))}.${claims}.${signature}`,
    () => `${head}.${random.hex(3000)}.${signature}`,
    () => ` ${jws}\n`,
    () => mutateText(random, jws),
    () => jws.slice(0, -1) + random.pick(["A", "B", "x", "-"]),
  ])();
}

function segment(text: string): string {
  return Buffer.from(text).toString("base64url");
}
