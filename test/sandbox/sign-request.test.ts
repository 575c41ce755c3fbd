import { validateRequest, validateRequestWithBody } from "twilio/lib/webhooks/webhooks.js";
import { describe, expect, test } from "vitest";
import { hashBody, type SignedParameters, signRequest } from "../../sandbox/sign-request.ts";

/** The vectors of twilio-node's own `spec/validation.spec.js`: `signed` is the URL text that the signature covers. */
const TOKEN = "12345";
const U = "https://mycompany.com/myapp.php?foo=1&bar=2";
const P = {
  CallSid: "CA1234567890ABCDE",
  Caller: "+14158675309",
  Digits: "1234",
  From: "+14158675309",
  To: "+18005551212",
};
const BODY = '{"property": "value", "boolean": true}';
const BODY_HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
const EMPTY_HASH = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

interface Vector {
  given: string;
  signed: string;
  parameters?: SignedParameters;
  body?: string;
  signature: string;
}

const vectors: Vector[] = [
  { given: U, signed: U, parameters: P, signature: "RSOYDt4T1cUTdK1PDd93/VVr8B8=" },
  {
    given: U,
    signed: "https://mycompany.com:443/myapp.php?foo=1&bar=2",
    parameters: P,
    signature: "kvajT1Ptam85bY51eRf/AJRuM3w=",
  },
  {
    given: "http://mycompany.com:1234/myapp.php?foo=1&bar=2",
    signed: "http://mycompany.com:1234/myapp.php?foo=1&bar=2",
    parameters: P,
    signature: "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=",
  },
  {
    given: "http://mycompany.com/myapp.php?foo=1&bar=2",
    signed: "http://mycompany.com:80/myapp.php?foo=1&bar=2",
    parameters: P,
    signature: "0ZXoZLH/DfblKGATFgpif+LLRf4=",
  },
  {
    given: "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
    signed: "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
    parameters: P,
    signature: "CukzLTc1tT5dXEDIHm/tKBanW10=",
  },
  {
    given: "https://user@mycompany.com/myapp.php?foo=1&bar=2",
    signed: "https://user@mycompany.com/myapp.php?foo=1&bar=2",
    parameters: P,
    signature: "2YRLlVAflCqxaNicjMpJcSTgzSs=",
  },
  {
    given: "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
    signed: "https://user:pass@mycompany.com:443/myapp.php?foo=1&bar=2",
    parameters: P,
    signature: "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI=",
  },
  {
    given: `${U}&Body=It's+amazing`,
    signed: `${U}&Body=It%27s+amazing`,
    parameters: P,
    signature: "TfZzewPq8wqrGlMfyAud8+/IvJ0=",
  },
  {
    given: U,
    signed: U,
    parameters: { "MessagingBinding.Address": ["+1325xxxxxxx", "+1415xxxxxxx"] },
    signature: "83O6e2vORAoJHUNzJjDWN1jz+BA=",
  },
  {
    given: U,
    signed: U,
    parameters: { Sid: "CA123", SidAccount: "AC123", Digits: ["5678", "1234", "1234"] },
    signature: "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
  },
  {
    given: `${U}&bodySHA256=${BODY_HASH}`,
    signed: `${U}&bodySHA256=${BODY_HASH}`,
    body: BODY,
    signature: "a9nBmqA0ju/hNViExpshrM61xv4=",
  },
  {
    given: `${U}&bodySHA256=${EMPTY_HASH}`,
    signed: `https://mycompany.com:443/myapp.php?foo=1&bar=2&bodySHA256=${EMPTY_HASH}`,
    body: "{}",
    signature: "Ldidvp12m26NI7eqEvxnEpkd9Hc=",
  },
  {
    given: `https://mycompany.com/myapp.php?bodySHA256=${BODY_HASH}`,
    signed: `https://mycompany.com/myapp.php?bodySHA256=${BODY_HASH}`,
    body: BODY,
    signature: "y77kIzt2vzLz71DgmJGsen2scGs=",
  },
];

describe("[V10] a signature is Twilio's", () => {
  test.each(vectors.map((vector, index) => ({ ...vector, number: index + 1 })))(
    "published vector $number",
    (vector) => {
      const { given, signed, parameters = {}, body, signature } = vector;
      expect(signRequest(TOKEN, signed, parameters)).toBe(signature);
      const accepted =
        body === undefined
          ? validateRequest(TOKEN, signature, given, parameters)
          : validateRequestWithBody(TOKEN, signature, given, body);
      expect(accepted).toBe(true);
    },
  );

  test("the hash of a body is the one in the published vectors", () => {
    expect(hashBody(BODY)).toBe(BODY_HASH);
    expect(hashBody("{}")).toBe(EMPTY_HASH);
  });

  test("both orders of a repeated key sign alike, and another token signs otherwise", () => {
    const either = (values: string[]) => signRequest(TOKEN, U, { Digits: values });
    expect(either(["1234", "5678"])).toBe(either(["5678", "1234", "5678"]));
    expect(signRequest("54321", U, P)).not.toBe(signRequest(TOKEN, U, P));
  });

  test("the official helper accepts what is signed here, whatever is in the parameters", () => {
    const odd = { "a b": "c&d=e", é: "ü 日本 'quoted'", empty: "", Z: "1", a: "2", "": "no name" };
    const url = "https://gateway.example/ivr/verify/wait?loop=1&name=It%27s";
    expect(validateRequest(TOKEN, signRequest(TOKEN, url, odd), url, odd)).toBe(true);
    expect(validateRequest(TOKEN, signRequest(TOKEN, url, odd), url, { ...odd, Z: "2" })).toBe(false);
  });
});
