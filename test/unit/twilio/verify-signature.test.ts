import { createHash, createHmac } from "node:crypto";
import { parse } from "node:querystring";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type TwilioSignatureInput, verifyTwilioSignature } from "../../../server/twilio/verify-signature.ts";

const token = "12345";
const url = "https://mycompany.com/myapp.php?foo=1&bar=2";
const params = {
  CallSid: "CA1234567890ABCDE",
  Caller: "+14158675309",
  Digits: "1234",
  From: "+14158675309",
  To: "+18005551212",
};
const signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
const body = '{"property": "value", "boolean": true}';
const bodyHash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
const emptyHash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
const address = "MessagingBinding.Address";

interface Signed {
  url: string;
  signature: string;
  params?: Record<string, string | string[]>;
  rawBody?: string;
}
/** Some cases are no input that TypeScript would let through, so the one cast is here. */
const check = (input: object) =>
  verifyTwilioSignature({ authTokens: [token], ...input } as unknown as TwilioSignatureInput);
const verify = (changes: object) => check({ signature, url, params, ...changes });

/** The scheme as Twilio's security page describes it, written here once more to check the helper against it. */
function sign(key: string, signedUrl: string, fields: Record<string, string | string[]>): string {
  const text = Object.keys(fields)
    .sort()
    .flatMap((name) => [...new Set([fields[name]].flat())].sort().map((value) => name + value))
    .join("");
  return createHmac("sha1", key)
    .update(signedUrl + text)
    .digest("base64");
}

describe("published vectors (spec/validation.spec.js of twilio-node)", () => {
  const vectors: [string, Signed][] = [
    ["1: as given", { url, params, signature }],
    ["2: https, signed with :443", { url, params, signature: "kvajT1Ptam85bY51eRf/AJRuM3w=" }],
    [
      "3: http with another port",
      { url: "http://mycompany.com:1234/myapp.php?foo=1&bar=2", params, signature: "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=" },
    ],
    [
      "4: http, signed with :80",
      { url: "http://mycompany.com/myapp.php?foo=1&bar=2", params, signature: "0ZXoZLH/DfblKGATFgpif+LLRf4=" },
    ],
    [
      "5: user and password",
      {
        url: "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
        params,
        signature: "CukzLTc1tT5dXEDIHm/tKBanW10=",
      },
    ],
    [
      "6: user",
      { url: "https://user@mycompany.com/myapp.php?foo=1&bar=2", params, signature: "2YRLlVAflCqxaNicjMpJcSTgzSs=" },
    ],
    [
      "7: user and password, signed with :443",
      {
        url: "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
        params,
        signature: "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI=",
      },
    ],
    [
      "8: an apostrophe, signed re-encoded",
      { url: `${url}&Body=It's+amazing`, params, signature: "TfZzewPq8wqrGlMfyAud8+/IvJ0=" },
    ],
    [
      "9: a repeated field",
      { url, params: { [address]: ["+1325xxxxxxx", "+1415xxxxxxx"] }, signature: "83O6e2vORAoJHUNzJjDWN1jz+BA=" },
    ],
    [
      "9b: the same in the other order",
      { url, params: { [address]: ["+1415xxxxxxx", "+1325xxxxxxx"] }, signature: "83O6e2vORAoJHUNzJjDWN1jz+BA=" },
    ],
    [
      "10: a field repeated with the same value",
      {
        url,
        params: { Sid: "CA123", SidAccount: "AC123", Digits: ["5678", "1234", "1234"] },
        signature: "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
      },
    ],
    [
      "11: a JSON body",
      { url: `${url}&bodySHA256=${bodyHash}`, rawBody: body, signature: "a9nBmqA0ju/hNViExpshrM61xv4=" },
    ],
    [
      "12: an empty JSON body, signed with :443",
      { url: `${url}&bodySHA256=${emptyHash}`, rawBody: "{}", signature: "Ldidvp12m26NI7eqEvxnEpkd9Hc=" },
    ],
    [
      "13: nothing but the hash in the query",
      {
        url: `https://mycompany.com/myapp.php?bodySHA256=${bodyHash}`,
        rawBody: body,
        signature: "y77kIzt2vzLz71DgmJGsen2scGs=",
      },
    ],
    [
      "an https port is not signed, whatever it is",
      { url: "https://mycompany.com:1234/myapp.php?foo=1&bar=2", params, signature },
    ],
  ];
  test.each(vectors)("[T40] %s is valid", (_name, signed) => {
    expect(check(signed)).toBe(true);
  });

  test.each(vectors)("[T40] %s is not valid when anything about it is changed", (_name, signed) => {
    expect(check({ ...signed, authTokens: ["12346"] })).toBe(false);
    expect(check({ ...signed, url: signed.url.replace("myapp", "myapq") })).toBe(false);
    const content = signed.params === undefined ? { rawBody: "[]" } : { params: { ...signed.params, Extra: "1" } };
    expect(check({ ...signed, ...content })).toBe(false);
  });

  test("[T40] a JSON body without its hash in the URL is not valid", () => {
    expect(verifyTwilioSignature({ authTokens: [token], signature, url, rawBody: body })).toBe(false);
    const unsignedHash = sign(token, url, {});
    expect(verifyTwilioSignature({ authTokens: [token], signature: unsignedHash, url, rawBody: body })).toBe(false);
  });

  test("[T40] a JSON body that is not the hashed one is not valid, though the URL is", () => {
    const signed = { url: `${url}&bodySHA256=${bodyHash}`, signature: "a9nBmqA0ju/hNViExpshrM61xv4=" };
    for (const rawBody of ["", "{}", `${body} `, body.replace("true", "false")]) {
      expect(verifyTwilioSignature({ authTokens: [token], ...signed, rawBody })).toBe(false);
    }
  });
});

describe("rotation and fragments", () => {
  test("[T41] any of the account's tokens may have signed", () => {
    expect(verify({ authTokens: ["new", "newer", token] })).toBe(true);
    expect(verify({ authTokens: [token, "new"] })).toBe(true);
    expect(verify({ authTokens: ["new", "newer"] })).toBe(false);
    expect(verify({ authTokens: [] })).toBe(false);
  });

  test("[T41] an empty token signs nothing", () => {
    expect(verify({ authTokens: [""], signature: sign("", url, params) })).toBe(false);
    expect(verify({ authTokens: ["", token] })).toBe(true);
  });

  test("[T41] a fragment with connection overrides is not part of what is signed", () => {
    expect(verify({ url: `${url}#rc=2&rp=all` })).toBe(true);
    expect(verify({ url: `${url}#` })).toBe(true);
    expect(verify({ url: `${url}#a#b\nc` })).toBe(true);
  });
});

describe("all six spellings of the URL", () => {
  const given = "https://gw.example/ivr/verify/wait?q=It's a%20b~!*()&e=";
  const normalised = new URL(given).toString();
  const reencoded = "https://gw.example/ivr/verify/wait?q=It's%20a%20b~!*()&e=";
  const withPort = (text: string) => text.replace("gw.example", "gw.example:443");
  test.each([given, withPort(given), normalised, withPort(normalised), reencoded, withPort(reencoded)].map((u) => [u]))(
    "[T40] %s is accepted",
    (signed) => {
      expect(verify({ url: given, signature: sign(token, signed, params) })).toBe(true);
    },
  );

  test("[T40] any form that Twilio signs as received is accepted, and nothing else with its signature", () => {
    const name = fc.string({ minLength: 1, maxLength: 12 });
    const value = fc.oneof(fc.string(), fc.array(fc.string(), { minLength: 1, maxLength: 4 }));
    const query = fc.webQueryParameters();
    fc.assert(
      fc.property(fc.dictionary(name, value), query, fc.string({ minLength: 1 }), (fields, asked, key) => {
        const signedUrl = `https://gw.example/ivr/verify/start?${asked}`;
        const input = { authTokens: [key], url: signedUrl, params: fields, signature: sign(key, signedUrl, fields) };
        expect(verifyTwilioSignature(input)).toBe(true);
        expect(verifyTwilioSignature({ ...input, authTokens: [`${key}x`] })).toBe(false);
        expect(verifyTwilioSignature({ ...input, params: { ...fields, "\u0000": "x" } })).toBe(false);
        expect(verifyTwilioSignature({ ...input, url: `${signedUrl}&x=y` })).toBe(false);
      }),
    );
  });
});

describe("hostile input", () => {
  const attacker: [string, Record<string, unknown>][] = [
    ["no signature", { signature: undefined }],
    ["null", { signature: null }],
    ["an empty signature", { signature: "" }],
    ["not base64", { signature: "!".repeat(28) }],
    ["the word of the spec file", { signature: "WRONG_SIGNATURE" }],
    ["base64url", { signature: signature.replace("/", "_") }],
    ["without its padding", { signature: signature.slice(0, -1) }],
    ["with more padding", { signature: `${signature}=` }],
    ["with a space", { signature: ` ${signature}` }],
    ["with a line break", { signature: `${signature}\n` }],
    ["in lower case", { signature: signature.toLowerCase() }],
    ["a list with the right one", { signature: [signature] }],
    ["two joined as Node joins repeated headers", { signature: `${signature}, ${signature}` }],
    ["an object that prints as the right one", { signature: { toString: () => signature } }],
    ["one megabyte", { signature: "A".repeat(1 << 20) }],
    ["one megabyte ending in the right one", { signature: "A".repeat(1 << 20) + signature }],
    ["wide characters of the right length", { signature: `${"é".repeat(27)}=` }],
    ["SHA-256 instead of SHA-1", { signature: createHmac("sha256", token).update(url).digest("base64") }],
    ["a hash without a key", { signature: createHash("sha1").update(url).digest("base64") }],
    ["no URL", { url: "" }],
    ["a relative URL", { url: "/myapp.php?foo=1&bar=2" }],
    ["a URL without a host", { url: "https://" }],
    ["a URL with a broken host", { url: "https://my company.com/myapp.php?foo=1&bar=2" }],
    ["a URL with a broken port", { url: "https://mycompany.com:99999/myapp.php?foo=1&bar=2" }],
    ["a URL with a broken IPv6 host", { url: "https://[::1/myapp.php" }],
    ["another scheme", { url: "javascript:alert(1)" }],
    ["the right URL as a fragment", { url: `https://evil.example/#${url}` }],
    ["the wrong host", { url: url.replace("mycompany", "evilcompany") }],
    ["one field less", { params: { ...params, Digits: undefined } }],
    ["a field with an object", { params: { ...params, Digits: { $ne: "" } } }],
    ["a field with a number", { params: { ...params, Digits: 1234 } }],
    ["a list of lists", { params: { ...params, Digits: [["1234"]] } }],
    ["a repeated field with a second value", { params: { ...params, Digits: ["1234", "0"] } }],
    ["a prototype key", { params: parse("__proto__=x&CallSid=CA1") }],
    ["an own constructor", { params: { ...params, constructor: "x" } }],
    ["no field at all", { params: {} }],
    ["10 000 fields", { params: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`f${i}`, "x"])) }],
  ];
  test.each(attacker)("[T42] %s is not valid and does not throw", (_name, input) => {
    expect(verify(input)).toBe(false);
  });

  test("[T42] a malformed URL is not valid even when its text was signed", () => {
    for (const malformed of [
      "https://my company.com/",
      "https://",
      "mycompany.com/x",
      "https://h:99999/",
      "ftp://h/",
    ]) {
      expect(verify({ url: malformed, signature: sign(token, malformed, params) })).toBe(false);
    }
  });

  test("[T42] prototype keys are signed like any other and leave Object.prototype alone", () => {
    const fields = parse("__proto__=polluted&constructor=a&toString=b&CallSid=CA1") as Record<string, string>;
    expect(verify({ params: fields, signature: sign(token, url, fields) })).toBe(true);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(verify({ params: parse("constructor=a&toString=b&CallSid=CA1"), signature: sign(token, url, fields) })).toBe(
      false,
    );
  });

  test("[T42] no text throws", () => {
    const text = fc.string({ unit: "binary" });
    const anyUrl = fc.oneof(
      text,
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
      text.map((t) => url + t),
    );
    fc.assert(
      fc.property(anyUrl, fc.dictionary(text, fc.oneof(text, fc.array(text))), text, (asked, fields, rawBody) => {
        expect(verify({ url: asked, params: { ...fields, Never: "signed" } })).toBe(false);
        const signed = { authTokens: [token], signature, url: asked, rawBody };
        expect(verifyTwilioSignature(signed)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});
