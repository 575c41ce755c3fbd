import { generateKeyPairSync, randomBytes, sign, verify } from "node:crypto";
import { describe, expect, test } from "vitest";
import { derFromRaw, rawFromDer } from "../../../core/keys/ecdsa-encoding.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const raw = (r: string, s: string) => Buffer.from(r.padStart(64, "0") + s.padStart(64, "0"), "hex");

describe("an ES256 signature", () => {
  test("[D4] of Node verifies in both spellings, whichever was made from the other", () => {
    for (let round = 0; round < 600; round += 1) {
      const input = randomBytes(40);
      const jws = rawFromDer(sign("sha256", input, privateKey));
      expect(verify("sha256", input, { key: publicKey, dsaEncoding: "ieee-p1363" }, jws)).toBe(true);
      const own = sign("sha256", input, { key: privateKey, dsaEncoding: "ieee-p1363" });
      expect(verify("sha256", input, publicKey, derFromRaw(own))).toBe(true);
    }
  });

  const edges: [name: string, signature: Buffer][] = [
    ["parts that begin with zeros", raw("01", "0203")],
    ["parts whose first bit is set", raw("f".repeat(64), `80${"00".repeat(31)}`)],
    ["a zero in front of a set bit", raw(`00${"ff".repeat(31)}`, `0080${"00".repeat(30)}`)],
    ["parts that end with zeros", raw("0100", "7f00")],
  ];
  test.each(edges)("[D4] with %s comes back as it was", (_, signature) => {
    expect(rawFromDer(derFromRaw(signature))).toEqual(signature);
  });

  const attacker: [name: string, signature: Buffer][] = [
    ["two zeros", raw("0", "0")],
    ["no r", raw("0", "1")],
    ["no s", raw("1", "0")],
    ["the greatest numbers", raw("f".repeat(64), "f".repeat(64))],
    ["any bytes", randomBytes(64)],
  ];
  test.each(attacker)("[D4] of %s verifies in neither spelling, and none throws", (_, signature) => {
    const input = randomBytes(40);
    expect(verify("sha256", input, publicKey, derFromRaw(signature))).toBe(false);
    expect(verify("sha256", input, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature)).toBe(false);
  });
});
