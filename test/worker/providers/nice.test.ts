import { describe, expect, onTestFinished, test } from "vitest";
import { createCallProviders } from "../../../worker/providers/registry.ts";
import { type Answer, answerWith, startTarget } from "../delivery/start-target.ts";
import { interceptOf, openProvider, receipt, tenantOf } from "./open-provider.ts";
import { describeProviderContract } from "./provider-contract.ts";

const TOKEN_PATH = "/authentication/v1/token/access-key";
const SIGNAL_PATH = "/inContactAPI/services/v30.0/interactions/448821/signal?p1=confirmed&p2=csn_abc_1";
const accessKeySecret = "the-access-key-secret";
const request = interceptOf("nice", { callId: "448821" });

function settingsOf(url: string) {
  const key = { accessKeyId: "the-key-id", accessKeySecret };
  return { mode: "direct", tokenUrl: `${url}${TOKEN_PATH}`, apiBaseUrl: url, ...key } as const;
}

function open(url: string, attemptTimeoutMs = 5000) {
  return openProvider("nice", tenantOf({ nice: settingsOf(url) }), { attemptTimeoutMs });
}

const login = answerWith(200, { access_token: "token-1", token_type: "Bearer", expires_in: 3600 });

describeProviderContract({
  name: "nice",
  open,
  prepare: login,
  isPreparation: (path) => path === TOKEN_PATH,
  request,
  answers: { redirected: answerWith(204), rejected: answerWith(403), ended: answerWith(404, { error: receipt }) },
  silent: "unknown",
  failing: "retryable",
  secrets: [accessKeySecret, "the-key-id", "token-1", receipt, "127.0.0.1"],
});

/** A CXone that gives the tokens token-1, token-2, … and answers signals by `onSignal`. */
async function startCxone(onSignal: Answer, onLogin?: (count: number) => Answer) {
  let logins = 0;
  const target = await startTarget((response, received, socket) => {
    if (received.path !== TOKEN_PATH) return onSignal(response, received, socket);
    logins += 1;
    const answer = onLogin?.(logins) ?? answerWith(200, { access_token: `token-${logins}`, expires_in: 3600 });
    answer(response, received, socket);
  });
  onTestFinished(target.close);
  return Object.assign(target, {
    logins: () => target.requests.filter((received) => received.path === TOKEN_PATH),
    signals: () => target.requests.filter((received) => received.path !== TOKEN_PATH),
  });
}

function openAt(url: string, now?: () => number, attemptTimeoutMs = 5000) {
  const tenants = [tenantOf({ nice: settingsOf(url) })];
  const registry = createCallProviders({ tenants, http: { attemptTimeoutMs }, ...(now && { now }) });
  onTestFinished(registry.close);
  const provider = registry.find("acme", "nice");
  if (provider === undefined) throw new Error("the registry has no adapter for nice");
  return provider;
}

describe("the signal", () => {
  test("[W18] is one POST with the outcome and the session, after one login with the access key", async () => {
    const cxone = await startCxone(answerWith(202));
    const provider = openAt(cxone.url);
    expect(await provider.redirectCall(request)).toEqual({ outcome: "redirected" });
    expect(await provider.redirectCall(request)).toEqual({ outcome: "redirected" });
    expect(cxone.logins()).toHaveLength(1);
    expect(JSON.parse(cxone.logins()[0]?.body ?? "")).toEqual({ accessKeyId: "the-key-id", accessKeySecret });
    expect(cxone.logins()[0]?.headers["content-type"]).toBe("application/json");
    expect(cxone.signals()).toMatchObject([
      { method: "POST", path: SIGNAL_PATH, body: "", headers: { authorization: "Bearer token-1" } },
      { method: "POST", path: SIGNAL_PATH },
    ]);
  });

  test.each([
    [200, "redirected"],
    [202, "redirected"],
    [204, "redirected"],
    [400, "call_ended"],
    [404, "call_ended"],
    [409, "rejected"],
    [302, "rejected"],
    [429, "retryable"],
    [500, "retryable"],
  ])("[W18] %d is %s", async (status, outcome) => {
    const cxone = await startCxone(answerWith(status));
    expect(await openAt(cxone.url).redirectCall(request)).toMatchObject({ outcome });
  });

  test.each([".", "..", "4 4", ""])("[W7] the contact id %j is rejected and nothing is sent", async (attacker) => {
    const cxone = await startCxone(answerWith(204));
    const outcome = await openAt(cxone.url).redirectCall({ ...request, callId: attacker });
    expect(outcome).toEqual({ outcome: "rejected", detail: "invalid_call_id" });
    expect(cxone.requests).toEqual([]);
  });

  test("[W7] a contact id with slashes stays one path segment", async () => {
    const cxone = await startCxone(answerWith(204));
    await openAt(cxone.url).redirectCall({ ...request, callId: "../../admin?x=" });
    expect(cxone.signals()[0]?.path).toBe(SIGNAL_PATH.replace("448821", "..%2F..%2Fadmin%3Fx%3D"));
  });

  test("[W17] a contact cannot be looked up", async () => {
    const cxone = await startCxone(answerWith(204));
    expect(await openAt(cxone.url).lookUpCall(request)).toBe("unknown");
    expect(cxone.requests).toEqual([]);
  });
});

describe("the access token", () => {
  test.each([401, 403])(
    "[W19] a token that is refused with %d is replaced, and the signal repeated once",
    async (status) => {
      const cxone = await startCxone((response, received, socket) => {
        const fresh = received.headers.authorization === "Bearer token-2";
        answerWith(fresh ? 204 : status)(response, received, socket);
      });
      const provider = openAt(cxone.url);
      expect(await provider.redirectCall(request)).toEqual({ outcome: "redirected" });
      expect(await provider.redirectCall(request)).toEqual({ outcome: "redirected" });
      expect(cxone.logins()).toHaveLength(2);
      expect(cxone.signals()).toHaveLength(3);
    },
  );

  test("[W19] a second refusal is rejected", async () => {
    const cxone = await startCxone(answerWith(401));
    expect(await openAt(cxone.url).redirectCall(request)).toEqual({ outcome: "rejected", detail: "nice_401" });
    expect(cxone.logins()).toHaveLength(2);
    expect(cxone.signals()).toHaveLength(2);
  });

  test("[W19] fifty intercepts at once log in once, and once more when all are refused", async () => {
    const cxone = await startCxone((response, received, socket) => {
      answerWith(received.headers.authorization === "Bearer token-1" ? 401 : 204)(response, received, socket);
    });
    const provider = openAt(cxone.url);
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => provider.redirectCall(request)));
    expect(outcomes).toEqual(Array(50).fill({ outcome: "redirected" }));
    expect(cxone.logins()).toHaveLength(2);
  });

  test("[W19] is renewed in its last fifth without an intercept waiting for it", async () => {
    let nowMs = 0;
    let finishLogin = () => {};
    const cxone = await startCxone(answerWith(204), (count) => (response, received, socket) => {
      const answer = answerWith(200, { access_token: `token-${count}`, expires_in: 1000 });
      finishLogin = () => answer(response, received, socket);
      if (count === 1) finishLogin();
    });
    const provider = openAt(cxone.url, () => nowMs);
    await provider.redirectCall(request);
    nowMs = 799_000;
    await provider.redirectCall(request);
    expect(cxone.logins()).toHaveLength(1);
    nowMs = 801_000;
    // The second login has not been answered, and the intercept went through with the first token all the same.
    expect(await provider.redirectCall(request)).toEqual({ outcome: "redirected" });
    await cxone.received(5);
    expect(cxone.logins()).toHaveLength(2);
    expect(cxone.signals().at(-1)?.headers.authorization).toBe("Bearer token-1");
    finishLogin();
    nowMs = 1_001_000;
    expect(await provider.redirectCall(request)).toEqual({ outcome: "redirected" });
    expect(cxone.signals().at(-1)?.headers.authorization).toBe("Bearer token-2");
    expect(cxone.logins()).toHaveLength(2);
  });

  test.each([
    [200, { access_token: "t" }, 3600],
    [200, { access_token: "t", expires_in: "600" }, 600],
    [200, { access_token: "t", expires_in: -5 }, 3600],
    [200, { access_token: "t", expires_in: "soon" }, 3600],
  ])("[W19] %d %j lives %d seconds", async (status, answer, seconds) => {
    let nowMs = 0;
    const cxone = await startCxone(answerWith(204), () => answerWith(status, answer));
    const provider = openAt(cxone.url, () => nowMs);
    await provider.redirectCall(request);
    nowMs = seconds * 1000 * 0.8 - 1;
    await provider.redirectCall(request);
    expect(cxone.logins()).toHaveLength(1);
    nowMs = seconds * 1000;
    await provider.redirectCall(request);
    expect(cxone.logins()).toHaveLength(2);
  });

  test.each([
    [401, {}, { outcome: "rejected", detail: "token_http_401" }],
    [400, {}, { outcome: "rejected", detail: "token_http_400" }],
    [302, {}, { outcome: "rejected", detail: "token_http_302" }],
    [429, {}, { outcome: "retryable", detail: "token_http_429" }],
    [500, {}, { outcome: "retryable", detail: "token_http_500" }],
    [200, {}, { outcome: "retryable", detail: "token_malformed" }],
    [200, "{", { outcome: "retryable", detail: "token_malformed" }],
    [200, { access_token: "a\r\nx: y" }, { outcome: "retryable", detail: "token_malformed" }],
    [200, { access_token: "" }, { outcome: "retryable", detail: "token_malformed" }],
    [200, { access_token: 7 }, { outcome: "retryable", detail: "token_malformed" }],
  ])("[W19] a login that answers %d %j signals nothing", async (status, attacker, outcome) => {
    const cxone = await startCxone(answerWith(204), () => answerWith(status, attacker));
    const provider = openAt(cxone.url);
    expect(await provider.redirectCall(request)).toEqual(outcome);
    expect(cxone.signals()).toEqual([]);
    // A failed login is not kept.
    await provider.redirectCall(request);
    expect(cxone.logins()).toHaveLength(2);
  });

  test("[W19] a slow login ends the attempt in time, and serves the next one", async () => {
    let finishLogin = () => {};
    const cxone = await startCxone(answerWith(204), () => (response, received, socket) => {
      finishLogin = () => login(response, received, socket);
    });
    const provider = openAt(cxone.url, Date.now, 1500);
    expect(await provider.redirectCall(request)).toEqual({ outcome: "retryable", detail: "timed_out" });
    finishLogin();
    expect(await provider.redirectCall(request)).toEqual({ outcome: "redirected" });
    expect(cxone.logins()).toHaveLength(1);
  });
});

test("[W8] the access key is not sent over plain http to another machine", async () => {
  const settings = { ...settingsOf("https://api.nice.example"), tokenUrl: "http://203.0.113.7/token" };
  const { provider, close } = openProvider("nice", tenantOf({ nice: settings }));
  onTestFinished(close);
  expect(await provider.redirectCall(request)).toEqual({ outcome: "rejected", detail: "insecure_url" });
});
