import { decodeJwt } from "jose";
import { describe, expect, test } from "vitest";
import { locales } from "../../core/language/locale.ts";
import { promptsFor } from "../../core/language/prompts.ts";
import { voiceFor } from "../../core/language/voices.ts";
import { enrolDevice } from "../support/enrol-device.ts";
import { type Deployment, type TestGateway, testPublicUrl, useGateways } from "../support/gateway.ts";
import { confirmByDid, openDeviceSocket } from "../support/open-device-socket.ts";
import { send } from "../support/send.ts";
import { type TestTenant, testTenant, twilioAccount } from "../support/test-tenants.ts";
import { expire } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";
import {
  authToken,
  caller,
  callFields,
  dialled,
  newCallSid,
  promptOf,
  redirectOf,
  saidIn,
  stepIn,
  webhook,
} from "./webhook.ts";

const fixture = useGateways();

const successUrl = "https://ivr.acme.test/verified?flow=7&lang=en%20US#rc=2";
const failureUrl = "https://ivr.acme.test/unverified?flow=7";
const twilio = { mode: "direct" as const, accountSid: twilioAccount, authTokens: [authToken], successUrl, failureUrl };

function flowTenant(overrides: Parameters<typeof testTenant>[0] = {}): TestTenant {
  return testTenant({ providers: { twilio }, ...overrides });
}

const sessionIn = (next: string) => new URLSearchParams(next.split("?")[1]).get("sid") ?? "";

/** A call whose session waits for its caller. */
async function startedCall(gateway: TestGateway, query = "") {
  const callSid = newCallSid();
  const prompt = promptOf(gateway, await webhook(gateway, `start${query}`, callFields(callSid)));
  return { callSid, ...prompt, sessionId: sessionIn(prompt.next) };
}

async function decide(deployment: Deployment, code: string, decision: "confirm" | "deny" = "confirm") {
  const device = await enrolDevice(deployment);
  const socket = await openDeviceSocket(fixture, deployment.gateway, device);
  if (decision === "confirm") return confirmByDid(socket, device, code);
  const { challenge } = await socket.ask("claim", { did: code });
  return socket.ask("deny", { proof: device.proof(challenge!, { dec: "deny" }) });
}

async function eventsOf(deployment: Deployment, callSid: string) {
  const options = { tenant: "acme", after: undefined, limit: 1000 };
  const { events } = await deployment.core.events.list(options);
  return events.filter((event) => event.callId === callSid);
}

async function statusOf(deployment: Deployment, callSid: string) {
  const path = `GET /scramble/caller/v1/calls/twilio/${callSid}`;
  return (await send(deployment.gateway, path, { key: deployment.keys.sessions })).body;
}

describe("the prompt", () => {
  test("[T3] /start opens the call's session and speaks its code, and a retry is byte for byte the same", async () => {
    const deployment = await fixture.start();
    const { gateway } = deployment;
    const callSid = newCallSid();
    const fields = callFields(callSid, { StirVerstat: "TN-Validation-Passed-A" });
    const first = await webhook(gateway, "start?crmCaseId=CASE-9911", fields);
    const { code, next, gather } = promptOf(gateway, first);
    expect(next).toMatch(/^wait\?loop=1&sid=csn_[\w-]{22}_1$/);
    expect(gather).toMatchObject({ numDigits: 1, method: "POST" });
    for (let retry = 0; retry < 3; retry += 1) {
      expect((await webhook(gateway, "start?crmCaseId=CASE-9911", fields)).text).toBe(first.text);
    }
    expect(first.headers["cache-control"]).toBe("no-store");
    const session = await deployment.core.sessions.read(sessionIn(next), "acme");
    expect(session).toMatchObject({
      ...{
        provider: "twilio",
        callId: callSid,
        generation: 1,
        did: code,
        status: "pending",
        ani: caller,
        dnis: dialled,
      },
      ...{ stirVerstat: "TN-Validation-Passed-A", metadata: { crmCaseId: "CASE-9911" }, locale: "en-US" },
    });
    const created = (await eventsOf(deployment, callSid)).filter(({ type }) => type === "session_created");
    expect(created).toHaveLength(1);
  });

  test("[T3] 50 racing /start for one call on two gateways are one session and one code", async () => {
    const deployment = await fixture.start({ gateways: 2 });
    const callSid = newCallSid();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => webhook(deployment.gateways[index % 2]!, "start", callFields(callSid))),
    );
    const prompts = answers.map((answer) => promptOf(deployment.gateway, answer));
    expect(new Set(prompts.map(({ code }) => code)).size).toBe(1);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const created = (await eventsOf(deployment, callSid)).filter(({ type }) => type === "session_created");
    expect(created).toHaveLength(1);
  });

  test("[T4] /prompt says the same for the same turn, once after the first, and changes nothing", async () => {
    const deployment = await fixture.start();
    const { gateway } = deployment;
    const { callSid, code, sessionId } = await startedCall(gateway);
    const fields = callFields(callSid);
    const start = await webhook(gateway, "start", fields);
    expect((await webhook(gateway, "prompt", fields)).text).toBe(start.text);
    expect((await webhook(gateway, `prompt?loop=1&sid=${sessionId}`, fields)).text).toBe(start.text);
    const second = await webhook(gateway, "prompt?loop=2", fields);
    expect((await webhook(gateway, "prompt?loop=2", fields)).text).toBe(second.text);
    expect(promptOf(gateway, second)).toMatchObject({ code, next: `wait?loop=2&sid=${sessionId}` });
    expect(saidIn(start).match(/\d( \d){5}/g)).toHaveLength(2);
    expect(saidIn(second).match(/\d( \d){5}/g)).toHaveLength(1);
    expect((await eventsOf(deployment, callSid)).map(({ type }) => type).sort()).toEqual([
      "did_issued",
      "session_created",
    ]);
  });

  test("[T4] a call without a session is not prompted", async () => {
    const { gateway } = await fixture.start({ tenants: [flowTenant()] });
    for (const step of ["prompt", "wait?loop=1", "success", "failure"]) {
      const answer = await webhook(gateway, step, callFields(newCallSid()));
      expect(redirectOf(answer), step).toBe(`${failureUrl}&reason=unavailable`);
    }
  });

  test.each(locales)("[T17] %s starts in its own voice and language, whatever the tenant's default", async (locale) => {
    const { gateway } = await fixture.start();
    const { gather, next } = await startedCall(gateway, `?locale=${locale}`);
    const { name: voice, language } = voiceFor(locale);
    const says = gather.prompts.filter((prompt) => prompt.verb === "Say");
    expect(says.length).toBe(3);
    for (const say of says) expect(say).toMatchObject({ voice, language });
    expect(says.at(-1)?.text).toBe(promptsFor(locale).loop);
    expect(sessionIn(next)).not.toBe("");
  });

  test("[T17] without a usable locale the tenant's default is spoken, and what follows is in the same language", async () => {
    const tenant = flowTenant({ defaultLocale: "de-AT", providers: { twilio: { ...twilio, failureUrl: undefined } } });
    const { gateway } = await fixture.start({ tenants: [tenant] });
    for (const query of ["", "?locale=xx-XX", "?locale=", `?locale=${"x".repeat(300)}`, "?locale=fr&locale=ja"]) {
      const { gather } = await startedCall(gateway, query);
      expect(gather.prompts[0], query).toMatchObject({ language: "de-DE" });
    }
    const { callSid, next } = await startedCall(gateway, "?locale=fr-CA");
    const canceled = await webhook(gateway, next, callFields(callSid, { Digits: "0" }));
    const end = await webhook(gateway, stepIn(redirectOf(canceled)!), callFields(callSid));
    expect(saidIn(end)).toContain(promptsFor("fr-CA").canceled);
  });

  test.each([
    "anonymous",
    "+266696687",
    "+7378742833",
    "+86282452253",
    "sip:alice@example.com",
    "client:alice",
    "",
    "02079460123",
    "+0123456789",
    "+1415555012345678901",
    undefined,
  ])("[T16] a caller whose number is %j is anonymous and still hears a code", async (from) => {
    const deployment = await fixture.start();
    const callSid = newCallSid();
    const answer = await webhook(deployment.gateway, "start", callFields(callSid, { From: from }));
    const { next } = promptOf(deployment.gateway, answer);
    const session = await deployment.core.sessions.read(sessionIn(next), "acme");
    expect(session?.ani).toBeUndefined();
    expect(session?.dnis).toBe(dialled);
  });

  test("[T16] callers who withhold their number do not share one caller's rate limit", async () => {
    const tenant = testTenant({ limits: { sessionsPerMinutePerAni: 1 } });
    const { gateway } = await fixture.start({ tenants: [tenant] });
    for (let call = 0; call < 3; call += 1) {
      const fields = callFields(newCallSid(), { From: "+266696687" });
      expect(promptOf(gateway, await webhook(gateway, "start", fields)).code).toMatch(/^\d{6}$/);
    }
  });
});

describe("the wait", () => {
  test("[T5] a turn is recorded once for its call and index, and answers the same however often it is fetched", async () => {
    const deployment = await fixture.start();
    const { gateway } = deployment;
    const { callSid, code, next } = await startedCall(gateway);
    const answers = await Promise.all(Array.from({ length: 5 }, () => webhook(gateway, next, callFields(callSid))));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const second = promptOf(gateway, answers[0]!);
    expect(second.code).toBe(code);
    expect(second.next).toBe(next.replace("loop=1", "loop=2"));
    const turns = (await eventsOf(deployment, callSid)).filter(({ type }) => type === "loop_iteration");
    expect(turns).toMatchObject([{ index: 1 }]);
  });

  test("[T5] the turn after maxRetries ends the session as timeout, and leads to failure with that reason", async () => {
    const tenant = flowTenant({ policy: { maxRetries: 2 } });
    const deployment = await fixture.start({ tenants: [tenant] });
    const { gateway } = deployment;
    const { callSid, sessionId, next } = await startedCall(gateway);
    const second = promptOf(gateway, await webhook(gateway, next, callFields(callSid)));
    const third = promptOf(gateway, await webhook(gateway, second.next, callFields(callSid)));
    const end = await webhook(gateway, third.next, callFields(callSid));
    expect(redirectOf(end)).toBe(`${testPublicUrl}/ivr/verify/failure?sid=${sessionId}`);
    expect(await statusOf(deployment, callSid)).toMatchObject({ status: "timeout" });
    const failed = await webhook(gateway, `failure?sid=${sessionId}`, callFields(callSid));
    expect(redirectOf(failed)).toBe(`${failureUrl}&sid=${sessionId}&reason=timeout`);
    expect((await webhook(gateway, third.next, callFields(callSid))).text).toBe(end.text);
  });

  test("[T5] key 0 cancels, and every other key that is not 1 only counts the turn", async () => {
    const deployment = await fixture.start({ tenants: [flowTenant()] });
    const { gateway } = deployment;
    const { callSid, next, sessionId } = await startedCall(gateway);
    const second = promptOf(gateway, await webhook(gateway, next, callFields(callSid, { Digits: "7" })));
    const canceled = await webhook(gateway, second.next, callFields(callSid, { Digits: "0" }));
    expect(redirectOf(canceled)).toBe(`${testPublicUrl}/ivr/verify/failure?sid=${sessionId}`);
    expect((await webhook(gateway, second.next, callFields(callSid, { Digits: "0" }))).text).toBe(canceled.text);
    expect(await statusOf(deployment, callSid)).toMatchObject({ status: "canceled" });
    const failed = await webhook(gateway, `failure?sid=${sessionId}`, callFields(callSid));
    expect(redirectOf(failed)).toBe(`${failureUrl}&sid=${sessionId}&reason=canceled`);
  });

  test("[T7] key 1 holds the answer until the confirmation that is under way arrives", async () => {
    const deployment = await fixture.start({ gateways: 2, tenants: [flowTenant()] });
    const [a, b] = deployment.gateways as [TestGateway, TestGateway];
    const { callSid, code, next, sessionId } = await startedCall(a);
    const device = await enrolDevice(deployment);
    const socket = await openDeviceSocket(fixture, b, device);
    const { challenge } = await socket.ask("claim", { did: code });
    let answered = 0;
    const held = webhook(a, next, callFields(callSid, { Digits: "1" })).finally(() => {
      answered = performance.now();
    });
    await waitFor(
      "the answer is held",
      async () => (await fixture.core.admin.pubsub("CHANNELS", "*:status:*")).length > 0,
    );
    expect(answered).toBe(0);
    const confirmedAt = performance.now();
    expect(await socket.ask("confirm", { proof: device.proof(challenge!, { did: code }) })).toMatchObject({ ok: true });
    expect(redirectOf(await held)).toBe(`${testPublicUrl}/ivr/verify/success?sid=${sessionId}`);
    expect(answered - confirmedAt).toBeLessThan(1000);
  });

  test("[T7] key 1 on the last turn still gives a confirmation its time, and then the turn ends the session", async () => {
    const tenant = flowTenant({ policy: { maxRetries: 1 } });
    const { gateway } = await fixture.start({ tenants: [tenant] });
    const { callSid, next, sessionId } = await startedCall(gateway);
    const last = promptOf(gateway, await webhook(gateway, next, callFields(callSid)));
    const since = performance.now();
    const end = await webhook(gateway, last.next, callFields(callSid, { Digits: "1" }));
    const heldMs = performance.now() - since;
    expect(redirectOf(end)).toBe(`${testPublicUrl}/ivr/verify/failure?sid=${sessionId}`);
    expect(heldMs).toBeGreaterThan(2900);
    expect(heldMs).toBeLessThan(4500);
  });

  test("[T7] a gateway that stops answers a held wait first", async () => {
    const { gateway } = await fixture.start();
    const { callSid, next } = await startedCall(gateway);
    const since = performance.now();
    const held = webhook(gateway, next, callFields(callSid, { Digits: "1" }));
    await waitFor(
      "the answer is held",
      async () => (await fixture.core.admin.pubsub("CHANNELS", "*:status:*")).length > 0,
    );
    const closing = gateway.close();
    expect(promptOf(gateway, await held).next).toContain("loop=2");
    expect(performance.now() - since).toBeLessThan(2500);
    await closing;
  });
});

describe("the end", () => {
  test("[T6][T8] a confirmed call goes on to the tenant's URL with sid and receipt, its own query kept", async () => {
    const deployment = await fixture.start({ tenants: [flowTenant()] });
    const { gateway } = deployment;
    const { callSid, code, next, sessionId } = await startedCall(gateway);
    expect(await decide(deployment, code)).toMatchObject({ ok: true });
    for (const step of ["start", "prompt", next, next.replace("loop=1", "loop=99")]) {
      const led = redirectOf(await webhook(gateway, step, callFields(callSid)));
      expect(led, step).toBe(`${testPublicUrl}/ivr/verify/success?sid=${sessionId}`);
    }
    const success = await webhook(gateway, `success?sid=${sessionId}`, callFields(callSid));
    const target = new URL(redirectOf(success)!);
    const receipt = target.searchParams.get("receipt")!;
    gateway.secrets.add(receipt);
    expect(target.href).toBe(
      `https://ivr.acme.test/verified?flow=7&lang=en%20US&sid=${sessionId}&receipt=${receipt}#rc=2`,
    );
    expect(decodeJwt(receipt)).toMatchObject({ sid: sessionId, cid: callSid, prv: "twilio", aud: "acme" });
  });

  test("[T8] the intercept is delivered when /success is fetched, once however often, by the URL's sid or the call's own", async () => {
    const deployment = await fixture.start({ tenants: [flowTenant()] });
    const { gateway } = deployment;
    const { callSid, code, sessionId } = await startedCall(gateway);
    await decide(deployment, code);
    expect(await statusOf(deployment, callSid)).toMatchObject({ intercept: { status: "pending" } });
    const steps = [`success?sid=${sessionId}`, "success", `success?sid=${sessionId}`];
    const answers = await Promise.all(steps.map((step) => webhook(gateway, step, callFields(callSid))));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    gateway.secrets.add(new URL(redirectOf(answers[0]!)!).searchParams.get("receipt"));
    expect(await statusOf(deployment, callSid)).toMatchObject({ intercept: { status: "succeeded" } });
    const delivered = (await eventsOf(deployment, callSid)).filter(({ type }) => type === "intercept_success");
    expect(delivered).toMatchObject([{ seen: "success_fetched", sessionId }]);
  });

  test("[T8] a tenant without a success URL has its callers told that they are verified", async () => {
    const bare = { ...twilio, successUrl: undefined, failureUrl: undefined };
    const deployment = await fixture.start({ tenants: [flowTenant({ providers: { twilio: bare } })] });
    const { callSid, code, sessionId } = await startedCall(deployment.gateway, "?locale=es-US");
    await decide(deployment, code);
    const answer = await webhook(deployment.gateway, `success?sid=${sessionId}`, callFields(callSid));
    expect(redirectOf(answer)).toBeUndefined();
    expect(saidIn(answer)).toContain(promptsFor("es-US").verified);
  });

  test("[T9] a session succeeds for nobody but its own call and tenant", async () => {
    const otherAccount = `AC${"b2".repeat(16)}`;
    const theirs = { ...twilio, accountSid: otherAccount };
    const tenants = [flowTenant(), testTenant({ id: "globex", providers: { twilio: theirs } })];
    const deployment = await fixture.start({ tenants });
    const { gateway } = deployment;
    const verified = await startedCall(gateway);
    await decide(deployment, verified.code);
    const other = await startedCall(gateway);
    const refused = `${failureUrl}&reason=unavailable`;
    const foreign = `success?sid=${verified.sessionId}`;
    expect(redirectOf(await webhook(gateway, foreign, callFields(other.callSid)))).toBe(refused);
    expect(redirectOf(await webhook(gateway, foreign, callFields(newCallSid())))).toBe(refused);
    const fromTheirs = callFields(verified.callSid, { AccountSid: otherAccount });
    expect(redirectOf(await webhook(gateway, foreign, fromTheirs))).toBe(refused);
    expect(redirectOf(await webhook(gateway, "success", fromTheirs))).toBe(refused);
    for (const step of [`wait?loop=1&sid=${verified.sessionId}`, `failure?sid=${verified.sessionId}`]) {
      expect(redirectOf(await webhook(gateway, step, callFields(other.callSid))), step).toBe(refused);
    }
    expect(await statusOf(deployment, verified.callSid)).toMatchObject({ intercept: { status: "pending" } });
    expect(await statusOf(deployment, other.callSid)).toMatchObject({ status: "pending" });
  });

  test("[T9][T10] a session that is not confirmed does not succeed: /success answers as /failure", async () => {
    const deployment = await fixture.start({ tenants: [flowTenant()] });
    const { gateway } = deployment;
    const pending = await startedCall(gateway);
    const denied = await startedCall(gateway);
    expect(await decide(deployment, denied.code, "deny")).toMatchObject({ ok: true, status: "denied" });
    const late = await startedCall(gateway);
    await expire(deployment.core, late.sessionId);
    for (const [call, reason] of [
      [pending, "unavailable"],
      [denied, "denied"],
      [late, "timeout"],
    ] as const) {
      for (const step of ["success", "failure"]) {
        const answer = await webhook(gateway, `${step}?sid=${call.sessionId}`, callFields(call.callSid));
        expect(redirectOf(answer)).toBe(`${failureUrl}&sid=${call.sessionId}&reason=${reason}`);
      }
    }
    expect(await statusOf(deployment, pending.callSid)).toMatchObject({
      status: "pending",
      intercept: { status: "none" },
    });
    expect(redirectOf(await webhook(gateway, "start", callFields(late.callSid)))).toMatch(
      /\/ivr\/verify\/failure\?sid=/,
    );
  });

  test("[T10] a confirmed session at /failure, as Twilio's fallback, is unavailable and stays confirmed", async () => {
    const deployment = await fixture.start({ tenants: [flowTenant()] });
    const { gateway, lines } = deployment;
    const { callSid, code, sessionId } = await startedCall(gateway);
    await decide(deployment, code);
    const fallback = callFields(callSid, { ErrorCode: "11200", ErrorUrl: "https://ivr.acme.test/verified" });
    const answer = await webhook(gateway, `failure?sid=${sessionId}`, fallback);
    expect(redirectOf(answer)).toBe(`${failureUrl}&sid=${sessionId}&reason=unavailable`);
    expect(await statusOf(deployment, callSid)).toMatchObject({
      status: "confirmed",
      intercept: { status: "pending" },
    });
    expect(lines.filter((line) => line.includes('"errorCode":"11200"'))).toHaveLength(1);
  });

  test("[T10] a tenant without a failure URL has its callers told why, and their calls ended", async () => {
    const bare = { ...twilio, successUrl: undefined, failureUrl: undefined };
    const { gateway } = await fixture.start({ tenants: [flowTenant({ providers: { twilio: bare } })] });
    const { callSid, next } = await startedCall(gateway);
    await webhook(gateway, next, callFields(callSid, { Digits: "0" }));
    const answer = await webhook(gateway, "failure", callFields(callSid));
    expect(redirectOf(answer)).toBeUndefined();
    expect(saidIn(answer)).toContain(promptsFor("en-US").canceled);
  });

  test("[T12] what Twilio still fetches after the intercept changes nothing", async () => {
    const deployment = await fixture.start({ tenants: [flowTenant()] });
    const { gateway, core } = deployment;
    const { callSid, code, next, sessionId } = await startedCall(gateway);
    await decide(deployment, code);
    const success = await webhook(gateway, `success?sid=${sessionId}`, callFields(callSid));
    gateway.secrets.add(new URL(redirectOf(success)!).searchParams.get("receipt"));
    const before = {
      session: await core.sessions.read(sessionId, "acme"),
      events: await eventsOf(deployment, callSid),
    };
    const late = [
      next,
      next.replace("loop=1", "loop=2"),
      next.replace("loop=1", "loop=9"),
      "start",
      "prompt",
      "failure",
    ];
    for (const step of late) {
      for (const Digits of [undefined, "0", "1"]) await webhook(gateway, step, callFields(callSid, { Digits }));
    }
    const after = { session: await core.sessions.read(sessionId, "acme"), events: await eventsOf(deployment, callSid) };
    expect({ ...after.session, readAtMs: 0 }).toEqual({ ...before.session, readAtMs: 0 });
    expect(after.events).toEqual(before.events);
  });
});
