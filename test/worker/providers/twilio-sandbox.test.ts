import { expect, onTestFinished, test } from "vitest";
import type { FaultRequest } from "../../../sandbox/faults/fault-plan.ts";
import { isEntry } from "../../../sandbox/ledger/ledger-entry.ts";
import { startVoiceCloud } from "../../../sandbox/voice-cloud.ts";
import { createCallProviders } from "../../../worker/providers/registry.ts";
import { freePort } from "../../support/free-port.ts";
import { startTarget } from "../delivery/start-target.ts";
import { interceptOf, receipt, tenantOf } from "./open-provider.ts";

interface Situation {
  interceptTarget?: "gateway" | "tenant";
  interceptWith?: "url" | "twiml";
  authToken?: string;
  /** The gateway cannot be fetched. */
  gatewayIsDown?: boolean;
  attemptTimeoutMs?: number;
}

const pages: Record<string, string> = {
  "/voice": '<Pause length="600"/>',
  "/ivr/verify/success": "<Hangup/>",
  "/verified": "<Hangup/>",
};

/** A live call that pauses, a gateway and a tenant's page that end it, and the adapter between them. */
async function startSituation(situation: Situation = {}) {
  const cloud = await startVoiceCloud();
  onTestFinished(() => cloud.close());
  const ivr = await startTarget((response, request) => {
    const page = pages[request.path.split("?")[0] ?? ""] ?? "";
    response.writeHead(200, { "content-type": "text/xml" }).end(`<Response>${page}</Response>`);
  });
  onTestFinished(ivr.close);
  const { gatewayIsDown, attemptTimeoutMs = 5000, authToken, ...choices } = situation;
  const account = cloud.accounts[0] ?? { accountSid: "", authToken: "" };
  const settings = {
    accountSid: account.accountSid,
    authTokens: [authToken ?? account.authToken],
    apiBaseUrl: cloud.url,
    successUrl: `${ivr.url}/verified?flow=7`,
    ...choices,
  };
  const registry = createCallProviders({
    tenants: [tenantOf({ twilio: { mode: "direct", ...settings } })],
    http: { attemptTimeoutMs },
  });
  onTestFinished(registry.close);
  const provider = registry.find("acme", "twilio");
  if (provider === undefined) throw new Error("the registry has no adapter for twilio");
  const call = cloud.placeCall({ to: "+18005551234", from: "+14155550000", voiceUrl: `${ivr.url}/voice` });
  await cloud.waitFor(isEntry("verb.started", call.sid));
  const fetched = () => ivr.requests.map((request) => request.path).slice(1);
  const origin = gatewayIsDown ? `http://127.0.0.1:${await freePort()}` : ivr.url;
  return { cloud, call, provider, request: interceptOf("twilio", { callId: call.sid, origin }), fetched };
}

const successPage = "/ivr/verify/success?sid=csn_abc_1";
const verifiedPage = `/verified?flow=7&sid=csn_abc_1&receipt=${receipt}`;

test.each([
  [{}, successPage],
  [{ interceptTarget: "tenant" }, verifiedPage],
  [{ interceptWith: "twiml" }, successPage],
  [{ interceptTarget: "tenant", interceptWith: "twiml" }, verifiedPage],
] as const)("[W13] a live call with %j is interrupted and fetches %s", async (choices, page) => {
  const { call, provider, request, fetched } = await startSituation(choices);
  expect(await provider.lookUpCall(request)).toBe("live");
  expect(await provider.redirectCall(request)).toEqual({ outcome: "redirected" });
  expect(await call.ended).toMatchObject({ reason: "hangup_verb" });
  expect(fetched()).toEqual([page]);
});

test("[W13] when the gateway cannot be fetched, the verified caller goes on at the tenant's page", async () => {
  const { call, provider, request, fetched } = await startSituation({ gatewayIsDown: true });
  expect(await provider.redirectCall(request)).toEqual({ outcome: "redirected" });
  expect(await call.ended).toMatchObject({ reason: "hangup_verb" });
  expect(fetched()).toEqual([verifiedPage]);
});

test("[W2] a call that was hung up has ended, and the look-up says so", async () => {
  const { call, provider, request, fetched } = await startSituation();
  call.hangUp();
  await call.ended;
  expect(await provider.redirectCall(request)).toEqual({ outcome: "call_ended", detail: "twilio_21220" });
  expect(await provider.lookUpCall(request)).toBe("ended");
  expect(fetched()).toEqual([]);
});

test("[W16] a wrong auth token and a wrong call are rejected, with the call left alone", async () => {
  const { call, provider, request } = await startSituation({ authToken: "wrong-token" });
  expect(await provider.redirectCall(request)).toEqual({ outcome: "rejected", detail: "twilio_20003" });
  expect(await provider.lookUpCall(request)).toBe("unknown");
  expect(call.status).toBe("in-progress");
  const other = await startSituation();
  const stranger = { ...other.request, callId: `CA${"0".repeat(32)}` };
  expect(await other.provider.redirectCall(stranger)).toEqual({ outcome: "rejected", detail: "twilio_20404" });
});

test.each([
  ["done, answered after the time-out", { kind: "lateSuccess", delayMs: 60_000 }, "timed_out", true],
  ["done, answer lost", { kind: "resetAfterEffect" }, "connection_lost", true],
  ["not done, connection lost", { kind: "reset" }, "connection_lost", false],
  ["not done, 500", { kind: "500" }, "twilio_20500", false],
] as const)("[W4] %s: unknown, and after a look-up the call moves all the same", async (_what, fault, detail, done) => {
  const situation = await startSituation({ attemptTimeoutMs: 1000 });
  const { cloud, call, provider, request, fetched } = situation;
  const injected = cloud.faults.add({ target: "call_update", times: 1, ...fault } satisfies FaultRequest);
  expect(await provider.redirectCall(request)).toEqual({ outcome: "unknown", detail });
  expect(injected.injected).toBe(1);
  if (done) {
    await call.ended;
    expect(await provider.lookUpCall(request)).toBe("ended");
  } else {
    expect(await provider.lookUpCall(request)).toBe("live");
    expect(await provider.redirectCall({ ...request, attempt: 2 })).toEqual({ outcome: "redirected" });
    await call.ended;
  }
  expect(fetched()).toEqual([successPage]);
});

test("[W12] too many requests: retryable after the time Twilio says, and the call moves then", async () => {
  const { cloud, call, provider, request } = await startSituation();
  cloud.faults.add({ target: "call_update", kind: "429", retryAfterSeconds: 2 });
  const retryable = { outcome: "retryable", detail: "twilio_20429", retryAfterMs: 2000 };
  expect(await provider.redirectCall(request)).toEqual(retryable);
  expect(call.status).toBe("in-progress");
  expect(await provider.redirectCall(request)).toEqual({ outcome: "redirected" });
  await call.ended;
});
