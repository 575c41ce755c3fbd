import { once } from "node:events";
import type { AddressInfo } from "node:net";
import express from "express";
import { request } from "undici";
import { describe, expect, test } from "vitest";
import { promptsFor } from "../../core/language/prompts.ts";
import { createLogger } from "../../core/logging/create-logger.ts";
import { startEmbeddedRedis } from "../../core/redis/embedded-redis.ts";
import type { GatewayContext } from "../../server/gateway-context.ts";
import { createGatewayMetrics } from "../../server/gateway-metrics.ts";
import { answerStep } from "../../server/twilio/answer-step.ts";
import { DegradedUses } from "../../server/twilio/degraded-uses.ts";
import { enrolDevice } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { type Core, openCore } from "../support/open-core.ts";
import { confirmByDid, openDeviceSocket } from "../support/open-device-socket.ts";
import { send } from "../support/send.ts";
import { startRedisProxy } from "../support/start-redis-proxy.ts";
import { testTenant, twilioAccount } from "../support/test-tenants.ts";
import { waitFor } from "../support/wait-for.ts";
import { authToken, callFields, newCallSid, promptOf, redirectOf, saidIn, twimlOf, webhook } from "./webhook.ts";

const fixture = useGateways();

const successUrl = "https://ivr.acme.test/verified?flow=7";
const failureUrl = "https://ivr.acme.test/unverified?flow=7";
const account = { mode: "none" as const, accountSid: twilioAccount, authTokens: [authToken] };
const direct = { mode: "direct" as const, apiBaseUrl: "http://127.0.0.1:9" };
type Policy = "fail-closed" | "fail-open";

function policyTenant(degraded: Policy, urls: object = { successUrl, failureUrl }, defaultLocale = "en-US") {
  return testTenant({ policy: { degraded }, defaultLocale, providers: { twilio: { ...account, ...urls } } });
}

/** A gateway over a Redis of its own, with a call that hears its code; `kill` takes that Redis away for good. */
async function callBeforeOutage(tenant: ReturnType<typeof policyTenant>) {
  const redis = await startEmbeddedRedis();
  fixture.closeAfter(() => redis.close());
  const deployment = await fixture.start({ tenants: [tenant], redisUrl: redis.url, allowErrors: true });
  const { gateway } = deployment;
  const callSid = newCallSid();
  const { next } = promptOf(gateway, await webhook(gateway, "start", callFields(callSid)));
  const kill = async () => {
    process.kill(redis.pid, "SIGKILL");
    await redis.exited;
  };
  return {
    deployment,
    gateway,
    callSid,
    next,
    sessionId: new URLSearchParams(next.split("?")[1]).get("sid")!,
    redis,
    kill,
  };
}

async function timed<T>(work: Promise<T>): Promise<{ value: T; ms: number }> {
  const since = performance.now();
  const value = await work;
  return { value, ms: performance.now() - since };
}

async function degradedEvents(core: Core) {
  const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 1000 });
  return events.filter(({ type }) => type === "degraded");
}

describe("with Redis killed", () => {
  test.each<[Policy, string]>([
    ["fail-closed", failureUrl],
    ["fail-open", successUrl],
  ])("[T13] under %s every step leads to %s within seconds, with the reason and no receipt", async (policy, target) => {
    const { gateway, callSid, next, sessionId, kill } = await callBeforeOutage(policyTenant(policy));
    await kill();
    const ways: [string, string, string][] = [
      ["start", newCallSid(), `${target}&reason=unavailable`],
      ["prompt", callSid, `${target}&reason=unavailable`],
      [next, callSid, `${target}&sid=${sessionId}&reason=unavailable`],
      // Whoever is here is not verified, whatever the policy.
      [`failure?sid=${sessionId}`, callSid, `${failureUrl}&sid=${sessionId}&reason=unavailable`],
    ];
    const led = ways.map(([step, call]) => timed(webhook(gateway, step, callFields(call))));
    for (const [index, [step, , expected]] of ways.entries()) {
      const { value, ms } = await led[index]!;
      expect(redirectOf(value), step).toBe(expected);
      expect(value.text).not.toContain("receipt");
      expect(saidIn(value)).toContain(promptsFor("en-US").unavailable);
      expect(ms, step).toBeLessThan(4500);
    }
    const status = await webhook(gateway, "status", callFields(callSid, { CallStatus: "completed" }));
    expect(twimlOf(status).verbs).toEqual([]);
  });

  test("[T13] /success waits for it, and then does the same", async () => {
    const policies: [Policy, string][] = [
      ["fail-closed", failureUrl],
      ["fail-open", successUrl],
    ];
    const answers = policies.map(async ([policy, target]) => {
      const { gateway, callSid, sessionId, kill } = await callBeforeOutage(policyTenant(policy));
      await kill();
      const { value, ms } = await timed(webhook(gateway, `success?sid=${sessionId}`, callFields(callSid)));
      expect(redirectOf(value)).toBe(`${target}&sid=${sessionId}&reason=unavailable`);
      expect(value.text).not.toContain("receipt");
      expect(ms).toBeLessThan(9500);
    });
    await Promise.all(answers);
  }, 40_000);

  test("[T13] key 1 does not hold an answer that nobody can give", async () => {
    const { gateway, callSid, next, kill } = await callBeforeOutage(policyTenant("fail-closed"));
    await kill();
    const { value, ms } = await timed(webhook(gateway, next, callFields(callSid, { Digits: "1" })));
    expect(redirectOf(value)).toContain("reason=unavailable");
    expect(ms).toBeLessThan(4500);
  });

  test.each<[Policy]>([["fail-closed"], ["fail-open"]])(
    "[T13] under %s a tenant without URLs has its callers told in their language, and never that they are verified",
    async (policy) => {
      const { gateway, kill } = await callBeforeOutage(policyTenant(policy, {}, "fr-CA"));
      await kill();
      for (const [query, locale] of [
        ["", "fr-CA"],
        ["?locale=ja-JP", "ja-JP"],
      ] as const) {
        const answer = await webhook(gateway, `start${query}`, callFields(newCallSid()));
        expect(redirectOf(answer)).toBeUndefined();
        expect(saidIn(answer)).toContain(promptsFor(locale).unavailable);
        expect(saidIn(answer)).not.toContain(promptsFor(locale).verified);
      }
    },
  );

  test("[T14] an outage opens nothing for a request that is declined anyway, or that is not signed", async () => {
    const { gateway, callSid, sessionId, kill } = await callBeforeOutage(policyTenant("fail-open"));
    await kill();
    const foreign = await webhook(gateway, `success?sid=${sessionId}`, callFields(newCallSid()));
    expect(redirectOf(foreign)).toBe(`${failureUrl}&reason=unavailable`);
    const nameless = await webhook(gateway, "start", callFields(callSid, { CallSid: undefined }));
    expect(redirectOf(nameless)).toBe(`${failureUrl}&reason=unavailable`);
    expect((await webhook(gateway, "start", callFields(callSid), { signature: null })).status).toBe(403);
  });

  test("[T13] each use is counted and logged with its cause", async () => {
    const { deployment, gateway, kill } = await callBeforeOutage(policyTenant("fail-open"));
    await kill();
    const callSid = newCallSid();
    await webhook(gateway, "start", callFields(callSid));
    const logged = deployment.lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ event }) => event === "step.degraded");
    expect(logged).toMatchObject([
      { step: "start", fault: "store_unavailable", ledTo: "success", callId: callSid, tenant: "acme", level: "warn" },
    ]);
    const metrics = await send(gateway, "GET /metrics", { key: deployment.keys.metrics });
    expect(metrics.text).toContain('callseal_hosted_steps_total{step="start",outcome="degraded"} 1');
  });
});

describe("with Redis frozen", () => {
  test("[T13] every use becomes an event with its own time, once Redis answers again", async () => {
    const started = await callBeforeOutage(policyTenant("fail-open"));
    const { deployment, gateway, callSid, next, sessionId, redis } = started;
    process.kill(redis.pid, "SIGSTOP");
    const other = newCallSid();
    const before = Date.now();
    // One after the other: the record of the first has given up by the time the last is used.
    const known = await timed(webhook(gateway, next, callFields(callSid)));
    const unknown = await timed(webhook(gateway, "start", callFields(other)));
    const end = await timed(webhook(gateway, `failure?sid=${sessionId}`, callFields(callSid)));
    const after = Date.now();
    for (const { ms } of [known, unknown, end]) expect(ms).toBeLessThan(4500);
    expect(redirectOf(known.value)).toBe(`${successUrl}&sid=${sessionId}&reason=unavailable`);
    process.kill(redis.pid, "SIGCONT");
    const core = openCore(redis.url, { prefix: deployment.prefix });
    fixture.closeAfter(() => core.close());
    const events = await waitFor(
      "the uses are recorded",
      async () => {
        // A record that gave up may have been written after all: at least once is what is promised.
        const found = new Map((await degradedEvents(core)).map((event) => [event.correlationId, event]));
        return found.size >= 3 ? [...found.values()] : undefined;
      },
      { withinMs: 10_000, everyMs: 50 },
    );
    const common = { policy: "fail-open", cause: "store_unavailable", provider: "twilio" };
    expect(events.sort((a, b) => String(a["step"]).localeCompare(String(b["step"])))).toMatchObject([
      { ...common, step: "failure", ledTo: "failure", callId: callSid, sessionId },
      { ...common, step: "start", ledTo: "success", callId: other },
      { ...common, step: "wait", ledTo: "success", callId: callSid, sessionId },
    ]);
    for (const { occurredAt } of events) {
      expect(Date.parse(String(occurredAt))).toBeGreaterThanOrEqual(before);
      expect(Date.parse(String(occurredAt))).toBeLessThanOrEqual(after);
    }
  });

  test("[T13] a confirmed caller goes on with a receipt, though the delivery cannot be recorded", async () => {
    const { gateway, callSid, sessionId, proxy } = await confirmedCall();
    proxy.holdFrom(/success_fetched/);
    const { value, ms } = await timed(webhook(gateway, `success?sid=${sessionId}`, callFields(callSid)));
    const target = new URL(redirectOf(value)!);
    gateway.secrets.add(target.searchParams.get("receipt"));
    expect(target.searchParams.get("receipt")).toMatch(/^eyJ/);
    expect(proxy.held).toBeGreaterThan(0);
    expect(ms).toBeLessThan(4500);
    proxy.release();
  });
});

describe("with Redis cut off for longer than a command waits", () => {
  test("[T20] a confirmed caller is kept until it is back, and goes on with a receipt", async () => {
    const { gateway, callSid, sessionId, proxy } = await confirmedCall();
    await proxy.cut();
    const answer = timed(webhook(gateway, `success?sid=${sessionId}`, callFields(callSid)));
    // Any other step gives up meanwhile.
    const other = await timed(webhook(gateway, "start", callFields(newCallSid())));
    expect(redirectOf(other.value)).toBe(`${failureUrl}&reason=unavailable`);
    await proxy.restore();
    const { value, ms } = await answer;
    const target = new URL(redirectOf(value)!);
    gateway.secrets.add(target.searchParams.get("receipt"));
    expect(target.searchParams.get("receipt")).toMatch(/^eyJ/);
    expect(ms).toBeGreaterThan(other.ms);
  });
});

describe("with Redis cut off for longer than a confirmed caller is kept", () => {
  test("[T21] the move that did not arrive is owed again once Redis answers", async () => {
    const urls = { ...direct, successUrl, failureUrl };
    const { deployment, gateway, callSid, sessionId, proxy } = await confirmedCall(urls);
    const core = openCore(fixture.core.url, { prefix: deployment.prefix });
    fixture.closeAfter(() => core.close());
    const { sessions } = core;
    const token = (await sessions.read(sessionId, "acme"))!.intercept.grant!;
    const moved = { token, result: "succeeded", correlationId: "corr-moved", event: {} } as const;
    expect((await sessions.completeIntercept(sessionId, moved)).outcome).toBe("recorded");
    await proxy.cut();
    const answer = await webhook(gateway, `success?sid=${sessionId}`, callFields(callSid));
    expect(redirectOf(answer)).toBe(`${failureUrl}&sid=${sessionId}&reason=unavailable`);
    await proxy.restore();
    const intercept = async () => (await sessions.read(sessionId, "acme"))?.intercept;
    await waitFor("it is owed again", async () => (await intercept())?.status === "pending");
  });
});

async function confirmedCall(urls: object = { ...account, successUrl, failureUrl }) {
  const proxy = await startRedisProxy(fixture.core.url);
  fixture.closeAfter(() => proxy.close());
  const tenants = [policyTenant("fail-closed", urls)];
  const deployment = await fixture.start({ tenants, redisUrl: proxy.url, allowErrors: true });
  const { gateway } = deployment;
  const callSid = newCallSid();
  const { next, code } = promptOf(gateway, await webhook(gateway, "start", callFields(callSid)));
  const device = await enrolDevice(deployment);
  const socket = await openDeviceSocket(fixture, gateway, device);
  expect(await confirmByDid(socket, device, code)).toMatchObject({ ok: true });
  const sessionId = new URLSearchParams(next.split("?")[1]).get("sid")!;
  return { deployment, gateway, callSid, sessionId, proxy };
}

describe("with a slow Redis", () => {
  test("[T18] a caller who begins is answered as long as every command succeeds, however late", async () => {
    const slow = await startRedisProxy(fixture.core.url);
    fixture.closeAfter(() => slow.close());
    const { gateway } = await fixture.start({ tenants: [policyTenant("fail-closed")], redisUrl: slow.url });
    promptOf(gateway, await webhook(gateway, "start", callFields(newCallSid())));
    // Two commands take longer than one may (2 s), and less than the step (4 s).
    slow.delayAnswers(1200);
    const answer = await webhook(gateway, "start", callFields(newCallSid()));
    slow.delayAnswers(0);
    expect(promptOf(gateway, answer).code).toMatch(/^\d{6}$/);
    expect(slow.delayed).toBeGreaterThan(1);
  });

  test("[T18] a step that takes too long is led on at its deadline, and the event says so", async () => {
    const { deployment, gateway, callSid, sessionId, proxy } = await confirmedCall();
    // Longer than a command waits: who was confirmed is kept as long as the step may, and no longer.
    proxy.delayAnswers(2500);
    const { value, ms } = await timed(webhook(gateway, `success?sid=${sessionId}`, callFields(callSid)));
    proxy.delayAnswers(0);
    expect(redirectOf(value)).toBe(`${failureUrl}&sid=${sessionId}&reason=unavailable`);
    expect(proxy.delayed).toBeGreaterThan(0);
    expect(ms).toBeGreaterThan(8900);
    expect(ms).toBeLessThan(12_000);
    const core = openCore(fixture.core.url, { prefix: deployment.prefix });
    fixture.closeAfter(() => core.close());
    const [event] = await waitFor("the use is recorded", async () => {
      const events = await degradedEvents(core);
      return events.length > 0 ? events : undefined;
    });
    expect(event).toMatchObject({ step: "success", cause: "deadline", ledTo: "failure" });
  }, 40_000);
});

describe("with a bug", () => {
  /** The guard as the router mounts it, behind no authentication: without a tenant nothing of the call can be read. */
  async function startGuard(answer: () => Promise<never>) {
    const logger = createLogger({ level: "silent", process: "test" });
    const context = { metrics: createGatewayMetrics(), logger } as unknown as GatewayContext;
    const app = express();
    app.use(
      answerStep(context, { name: "start", deadlineMs: 1000, otherwise: "policy", answer }, new DegradedUses(context)),
    );
    const server = app.listen(0, "127.0.0.1");
    await once(server, "listening");
    fixture.closeAfter(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test("[T15] when nothing can be read or rendered the caller still hears a sentence, and never an error status", async () => {
    const url = await startGuard(async () => {
      throw new TypeError("a bug");
    });
    const { statusCode, headers, body } = await request(url, { method: "POST" });
    const answer = {
      status: statusCode,
      headers: { "content-type": String(headers["content-type"]) },
      text: await body.text(),
    };
    expect(saidIn(answer)).toContain("not available");
    expect(redirectOf(answer)).toBeUndefined();
  });
});
