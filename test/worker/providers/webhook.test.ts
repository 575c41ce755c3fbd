import { Webhook } from "standardwebhooks";
import { describe, expect, onTestFinished, test } from "vitest";
import { createCallProviders } from "../../../worker/providers/registry.ts";
import { answerWith, startTarget } from "../delivery/start-target.ts";
import { interceptOf, openProvider, receipt, tenantOf } from "./open-provider.ts";
import { describeProviderContract } from "./provider-contract.ts";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const olderSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

function open(url: string, webhookTimeoutMs = 5000) {
  const generic = { mode: "webhook" as const, url: `${url}/ivr/intercept`, secrets: [secret, olderSecret] };
  return openProvider("generic", tenantOf({ generic }, { allowInsecureTargets: true }), { webhookTimeoutMs });
}

describeProviderContract({
  name: "webhook",
  open,
  request: interceptOf("generic"),
  answers: { redirected: answerWith(204), rejected: answerWith(410) },
  silent: "retryable",
  failing: "retryable",
  secrets: [secret, olderSecret, receipt, "127.0.0.1"],
});

describe("the webhook", () => {
  test("[W22] says what was confirmed, and every secret of the rotation verifies it", async () => {
    const target = await startTarget(answerWith(200, "moved"));
    onTestFinished(target.close);
    const { provider, close } = open(target.url);
    onTestFinished(close);
    const request = interceptOf("generic", { callId: "call 1/ü" });
    expect(await provider.redirectCall(request)).toEqual({ outcome: "redirected" });
    const [received] = target.requests;
    expect(received?.path).toBe("/ivr/intercept");
    const expected = {
      type: "verification.confirmed",
      timestamp: "2026-11-23T12:00:00.000Z",
      data: {
        sessionId: "csn_abc_1",
        callId: "call 1/ü",
        provider: "generic",
        status: "confirmed",
        metadata: { crmCaseId: "CASE-9911" },
        receipt,
      },
    };
    expect(JSON.parse(received?.body ?? "")).toEqual(expected);
    for (const key of [secret, olderSecret]) {
      expect(new Webhook(key).verify(received?.body ?? "", received?.headers as Record<string, string>)).toEqual(
        expected,
      );
    }
  });

  test("[W22] every retry has the same id and body, and its own timestamp", async () => {
    const target = await startTarget(answerWith(500));
    onTestFinished(target.close);
    const generic = { mode: "webhook" as const, url: target.url, secrets: [secret] };
    let nowMs = Date.parse("2026-11-23T12:00:00Z");
    const tenants = [tenantOf({ generic }, { allowInsecureTargets: true })];
    const registry = createCallProviders({ tenants, now: () => nowMs });
    onTestFinished(registry.close);
    for (const attempt of [1, 2, 3]) {
      await registry.find("acme", "generic")?.redirectCall(interceptOf("generic", { attempt }));
      nowMs += 7000;
    }
    const headers = target.requests.map((request) => request.headers);
    expect(headers.map((header) => header["webhook-id"])).toEqual(Array(3).fill("msg_csn_abc_1"));
    expect(headers.map((header) => header["webhook-timestamp"])).toEqual(["1795435200", "1795435207", "1795435214"]);
    expect(new Set(target.requests.map((request) => request.body)).size).toBe(1);
    expect(new Set(headers.map((header) => header["webhook-signature"])).size).toBe(3);
  });

  test("[W20] a tenant that allows nothing insecure does not reach http or this machine", async () => {
    const target = await startTarget(answerWith(200));
    onTestFinished(target.close);
    for (const [url, detail] of [
      [target.url, "insecure_url"],
      [target.url.replace("http:", "https:"), "blocked_address"],
    ] as const) {
      const { provider, close } = openProvider(
        "generic",
        tenantOf({ generic: { mode: "webhook", url, secrets: [secret] } }),
      );
      onTestFinished(close);
      expect(await provider.redirectCall(interceptOf("generic"))).toEqual({ outcome: "rejected", detail });
    }
    expect(target.connections).toBe(0);
  });
});
