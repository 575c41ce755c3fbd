import { XMLParser } from "fast-xml-parser";
import twilio from "twilio";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Answer, answerWith, startTarget } from "../delivery/start-target.ts";
import { interceptOf, openProvider, publicUrl, receipt, tenantOf } from "./open-provider.ts";
import { describeProviderContract } from "./provider-contract.ts";

const accountSid = "AC0123456789abcdef0123456789abcdef";
const authToken = "the-auth-token";
const callSid = "CA0123456789abcdef0123456789abcdef";
const successUrl = "https://ivr.acme.example/verified?flow=a%20b&x=1#rc=2";
const failureUrl = "https://ivr.acme.example/unverified";

interface TwilioChanges {
  successUrl?: string;
  failureUrl?: string;
  interceptTarget?: "gateway" | "tenant";
  interceptWith?: "url" | "twiml";
}

function open(apiBaseUrl: string, changes: TwilioChanges = {}, attemptTimeoutMs = 5000) {
  const settings = { accountSid, authTokens: [authToken, "older"], apiBaseUrl, ...changes };
  return openProvider("twilio", tenantOf({ twilio: { mode: "direct", ...settings } }), { attemptTimeoutMs });
}

async function openAgainst(answer: Answer, changes: TwilioChanges = {}) {
  const target = await startTarget(answer);
  onTestFinished(target.close);
  const { provider, close } = open(target.url, changes);
  onTestFinished(close);
  return { target, provider };
}

const redirected = answerWith(200, { sid: callSid, status: "in-progress" });
const twilioError = (status: number, code: number) =>
  answerWith(status, {
    code,
    message: `secret ${receipt}`,
    more_info: `https://www.twilio.com/docs/errors/${code}`,
    status,
  });

describeProviderContract({
  name: "twilio",
  open: (baseUrl, attemptTimeoutMs) => open(baseUrl, {}, attemptTimeoutMs),
  request: interceptOf("twilio"),
  answers: { redirected, rejected: twilioError(401, 20003), ended: twilioError(400, 21220) },
  silent: "unknown",
  failing: "unknown",
  secrets: [authToken, receipt, accountSid, callSid, "127.0.0.1"],
});

describe("the call update", () => {
  async function sentForm(changes: TwilioChanges, request = interceptOf("twilio")) {
    const { provider, target } = await openAgainst(redirected, changes);
    expect(await provider.redirectCall(request)).toEqual({ outcome: "redirected" });
    return Object.fromEntries(new URLSearchParams(target.requests[0]?.body));
  }

  test("[W13] sends the call to the gateway's success page, with the tenant's verified page behind it", async () => {
    expect(await sentForm({ successUrl, failureUrl })).toEqual({
      Url: `${publicUrl}/ivr/verify/success?sid=csn_abc_1`,
      Method: "POST",
      FallbackUrl: `https://ivr.acme.example/verified?flow=a%20b&x=1&sid=csn_abc_1&receipt=${receipt}#rc=2`,
      FallbackMethod: "POST",
    });
  });

  test("[W13] a tenant without pages of its own has the gateway's failure page behind it", async () => {
    expect(await sentForm({})).toEqual({
      Url: `${publicUrl}/ivr/verify/success?sid=csn_abc_1`,
      Method: "POST",
      FallbackUrl: `${publicUrl}/ivr/verify/failure?sid=csn_abc_1`,
      FallbackMethod: "POST",
    });
  });

  test("[W14] straight to the tenant: its query and fragment stay, sid and receipt are added", async () => {
    expect(await sentForm({ successUrl, failureUrl, interceptTarget: "tenant" })).toEqual({
      Url: `https://ivr.acme.example/verified?flow=a%20b&x=1&sid=csn_abc_1&receipt=${receipt}#rc=2`,
      Method: "POST",
      FallbackUrl: "https://ivr.acme.example/unverified?sid=csn_abc_1&reason=unavailable",
      FallbackMethod: "POST",
    });
  });

  test("[W14] straight to a tenant without a success page is the gateway's", async () => {
    const form = await sentForm({ interceptTarget: "tenant" });
    expect(form["Url"]).toBe(`${publicUrl}/ivr/verify/success?sid=csn_abc_1`);
  });

  test.each([
    ["gateway", `${publicUrl}/ivr/verify/success?sid=csn_abc_1`],
    ["tenant", `https://ivr.acme.example/verified?flow=a%20b&x=1&sid=csn_abc_1&receipt=${receipt}#rc=2`],
  ] as const)(
    "[W15] an inline document redirects to the %s's absolute URL, and no Url goes with it",
    async (interceptTarget, url) => {
      const form = await sentForm({ successUrl, interceptTarget, interceptWith: "twiml" });
      expect(Object.keys(form)).toEqual(["Twiml"]);
      const document = new XMLParser({ ignoreAttributes: false }).parse(form["Twiml"] ?? "");
      expect(document.Response).toEqual({ Redirect: { "#text": url, "@_method": "POST" } });
    },
  );

  test("[W15] a document of more than 4000 characters is sent as a URL", async () => {
    const long = interceptOf("twilio", { receipt: `e.${"a".repeat(4000)}.s` });
    const form = await sentForm({ successUrl, interceptTarget: "tenant", interceptWith: "twiml" }, long);
    expect(form).not.toHaveProperty("Twiml");
    expect(form["Url"]).toContain("receipt=e.aaaa");
  });

  test("[W13] is the same request that Twilio's own client makes, with the newest token", async () => {
    const { provider, target } = await openAgainst(redirected, { successUrl });
    await provider.redirectCall(interceptOf("twilio"));
    const client = twilio(accountSid, authToken);
    client.api.baseUrl = target.url;
    await client.calls(callSid).update({
      url: `${publicUrl}/ivr/verify/success?sid=csn_abc_1`,
      method: "POST",
      fallbackUrl: `https://ivr.acme.example/verified?flow=a%20b&x=1&sid=csn_abc_1&receipt=${receipt}#rc=2`,
      fallbackMethod: "POST",
    });
    await client.calls(callSid).fetch();
    await provider.lookUpCall(interceptOf("twilio"));
    const [ours, theirs, theirLookUp, ourLookUp] = target.requests.map(({ method, path, headers, body }) => ({
      method,
      path,
      authorization: headers.authorization,
      contentType: headers["content-type"],
      accept: headers.accept,
      form: Object.fromEntries(new URLSearchParams(body)),
    }));
    expect(ours).toEqual(theirs);
    expect({ ...ourLookUp, contentType: "" }).toEqual({ ...theirLookUp, contentType: "" });
    expect(ours?.path).toBe(`/2010-04-01/Accounts/${accountSid}/Calls/${callSid}.json`);
  });

  test.each([
    ["../../Accounts/ACother/Calls/CA1", "..%2F..%2FAccounts%2FACother%2FCalls%2FCA1"],
    ["CA1?Status=completed", "CA1%3FStatus%3Dcompleted"],
    ["CA1#", "CA1%23"],
    ["CA1/Recordings", "CA1%2FRecordings"],
    ["%2e%2e", "%252e%252e"],
  ])("[W7] the call id %j stays one path segment", async (attacker, segment) => {
    const { provider, target } = await openAgainst(redirected);
    await provider.redirectCall(interceptOf("twilio", { callId: attacker }));
    expect(target.requests.map((request) => request.path)).toEqual([
      `/2010-04-01/Accounts/${accountSid}/Calls/${segment}.json`,
    ]);
  });

  test.each(["", ".", "..", "CA 1", "CA\r\n1", "CAé", "\ud800", "x".repeat(129)])(
    "[W7] the call id %j is rejected and nothing is sent",
    async (attacker) => {
      const { provider, target } = await openAgainst(redirected);
      const request = interceptOf("twilio", { callId: attacker });
      expect(await provider.redirectCall(request)).toEqual({ outcome: "rejected", detail: "invalid_call_id" });
      expect(await provider.lookUpCall(request)).toBe("unknown");
      expect(target.requests).toEqual([]);
    },
  );
});

describe("Twilio's errors", () => {
  test.each([
    [400, 21220, "call_ended"],
    [404, 20404, "rejected"],
    [400, 15004, "rejected"],
    [400, 32018, "rejected"],
    [400, 21205, "rejected"],
    [401, 20003, "rejected"],
    [403, 20003, "rejected"],
    [426, 20426, "rejected"],
    [429, 20429, "retryable"],
    [500, 20500, "unknown"],
    [503, 20503, "unknown"],
  ])("[W16] %d with code %d is %4$s", async (status, code, outcome) => {
    const { provider } = await openAgainst(twilioError(status, code));
    expect(await provider.redirectCall(interceptOf("twilio"))).toEqual({ outcome, detail: `twilio_${code}` });
  });

  test.each([301, 307, 400, 404, 405, 410, 415, 422])("[W16] %d without a code is rejected", async (status) => {
    const { provider } = await openAgainst(answerWith(status, "<html>", { location: "https://evil.example/" }));
    expect(await provider.redirectCall(interceptOf("twilio"))).toEqual({
      outcome: "rejected",
      detail: `http_${status}`,
    });
  });

  test("[W16] a 400 whose body is cut off may have been 21220 and is unknown", async () => {
    const { provider } = await openAgainst((response, _request, socket) => {
      response.writeHead(400, { "content-length": "100" });
      response.write('{"code":212', () => socket.destroy());
    });
    expect(await provider.redirectCall(interceptOf("twilio"))).toEqual({ outcome: "unknown", detail: "http_400" });
  });
});

describe("looking a call up", () => {
  test.each([
    ["queued", "live"],
    ["ringing", "live"],
    ["in-progress", "live"],
    ["completed", "ended"],
    ["busy", "ended"],
    ["failed", "ended"],
    ["no-answer", "ended"],
    ["canceled", "ended"],
    ["toString", "unknown"],
    ["", "unknown"],
  ])("[W17] status %j is %s", async (status, liveness) => {
    const { provider, target } = await openAgainst(answerWith(200, { sid: callSid, status }));
    expect(await provider.lookUpCall(interceptOf("twilio"))).toBe(liveness);
    expect(target.requests).toMatchObject([
      { method: "GET", path: `/2010-04-01/Accounts/${accountSid}/Calls/${callSid}.json`, body: "" },
    ]);
  });

  test.each([
    [200, "{"],
    [200, "null"],
    [200, '{"status":7}'],
    [404, '{"code":20404}'],
    [401, "{}"],
    [500, ""],
  ])("[W17] %d with %j is unknown", async (status, attacker) => {
    const { provider } = await openAgainst(answerWith(status, attacker));
    expect(await provider.lookUpCall(interceptOf("twilio"))).toBe("unknown");
  });
});

test("[W8] the auth token is not sent over plain http to another machine", async () => {
  const { provider, close } = open("http://203.0.113.7");
  onTestFinished(close);
  const started = performance.now();
  expect(await provider.redirectCall(interceptOf("twilio"))).toEqual({ outcome: "rejected", detail: "insecure_url" });
  expect(await provider.lookUpCall(interceptOf("twilio"))).toBe("unknown");
  expect(performance.now() - started).toBeLessThan(1000);
});
