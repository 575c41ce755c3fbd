import { describe, expect, test } from "vitest";
import { hasValidCheckDigit } from "../../client-sdk/src/device/check-digit.ts";
import { readDid } from "../../client-sdk/src/device/read-did.ts";
import { readGatewayUrl } from "../../client-sdk/src/device/read-gateway-url.ts";
import { dammCheckDigit } from "../../core/verification/damm.ts";
import { catchError } from "./catch-error.ts";

describe("check digit", () => {
  test("[K7] the example that is published with the algorithm holds: 572 takes 4", () => {
    expect(hasValidCheckDigit("5724")).toBe(true);
    expect(hasValidCheckDigit("5727")).toBe(false);
  });

  test("[K7] the device accepts what the gateway issues, and no other last digit", () => {
    for (let code = 0; code < 100_000; code += 7) {
      const digits = String(code).padStart(5, "0");
      const accepted = [..."0123456789"].filter((last) => hasValidCheckDigit(digits + last));
      expect(accepted).toEqual([dammCheckDigit(digits)]);
    }
  });

  test("[K7] every single wrong digit and every swap of neighbours is caught", () => {
    const code = `48291${dammCheckDigit("48291")}`;
    for (let at = 0; at < code.length; at++) {
      for (const digit of "0123456789") {
        const mistyped = code.slice(0, at) + digit + code.slice(at + 1);
        expect(hasValidCheckDigit(mistyped)).toBe(digit === code[at]);
      }
      const swapped = [...code];
      [swapped[at], swapped[at + 1]] = [swapped[at + 1] ?? "", swapped[at] ?? ""];
      if (at + 1 < code.length && swapped.join("") !== code) expect(hasValidCheckDigit(swapped.join(""))).toBe(false);
    }
  });

  test("a single digit or none has no check digit", () => {
    expect(["", "0"].map(hasValidCheckDigit)).toEqual([false, false]);
  });
});

describe("reading a typed code", () => {
  test.each([
    ["482913", "482913"],
    [" 482 913 ", "482913"],
    ["482-913", "482913"],
    ["482\u2013913", "482913"],
    ["\uff14\uff18\uff12\uff19\uff11\uff13", "482913"],
    ["4829\u00a013", "482913"],
    ["00001234", "00001234"],
  ])("%j is read as %s", (typed, did) => {
    expect(readDid(typed, false)).toBe(did);
  });

  const attackers: unknown[] = [
    "",
    "123",
    "1234567890123",
    "12a456",
    "1e5000",
    "-1.5",
    "١٢٣٤٥٦",
    "1".repeat(100_000),
    "123456\u0000",
    "<b>1",
    null,
    undefined,
    123456,
    {},
    ["123456"],
  ];
  test.each(attackers)("%j is no code", async (attacker) => {
    expect((await catchError(() => readDid(attacker as string, false))).code).toBe("invalid_argument");
  });

  test("[K7] with check digits on, a mistyped code is refused here and one that is right is not", async () => {
    expect((await catchError(() => readDid("572757", true))).code).toBe("bad_check_digit");
    expect(readDid("5724", true)).toBe("5724");
    expect(readDid("5727", false)).toBe("5727");
  });

  test("the error does not repeat the code", async () => {
    const error = await catchError(() => readDid("572757", true));
    expect(`${error.stack}${JSON.stringify(error)}`).not.toContain("572757");
  });
});

describe("gateway URL", () => {
  test.each([
    ["https://gateway.example/", "https://gateway.example"],
    ["https://gateway.example:8443/path?x#y", "https://gateway.example:8443"],
    ["http://localhost:8080", "http://localhost:8080"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
    ["http://[::1]:8080", "http://[::1]:8080"],
  ])("%s is the origin %s", (url, origin) => {
    expect(readGatewayUrl(url)).toBe(origin);
  });

  const attackers = [
    "",
    "gateway",
    "http://gateway.example",
    "http://127.0.0.1.attacker.example",
    "http://localhost.attacker.example",
    "ws://localhost",
    "ftp://x",
    "javascript:alert(1)",
    "http://localhost@attacker.example",
  ];
  test.each(attackers)("[K8] %j is refused: codes and proofs do not travel in the clear", async (attacker) => {
    expect((await catchError(() => readGatewayUrl(attacker))).code).toBe("invalid_argument");
  });

  test("http: off loopback has to be asked for", () => {
    expect(readGatewayUrl("http://gateway:8080", true)).toBe("http://gateway:8080");
  });
});
