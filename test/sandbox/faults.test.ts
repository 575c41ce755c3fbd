import twilio from "twilio";
import { describe, expect, test } from "vitest";
import { FaultPlan } from "../../sandbox/faults/fault-plan.ts";
import { isEntry } from "../../sandbox/ledger/ledger-entry.ts";
import type { VoiceCloud } from "../../sandbox/voice-cloud.ts";
import { ACCOUNT, cloudAndIvr, TO } from "./cloud-fixture.ts";
import { TOKEN, twiml } from "./start-ivr.ts";

async function onHold() {
  const { cloud, ivr } = await cloudAndIvr(
    { "/voice": twiml('<Pause length="3600"/>'), "/moved": twiml('<Pause length="3600"/>') },
    { timeScale: 1 },
  );
  const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` });
  await cloud.waitFor(isEntry("verb.started", call.sid));
  const client = twilio(ACCOUNT, TOKEN, { timeout: 400 });
  client.api.baseUrl = cloud.url;
  return { cloud, ivr, call, move: () => client.calls(call.sid).update({ url: `${ivr.url}/moved` }) };
}

const injected = (cloud: VoiceCloud) => cloud.ledger.entries.filter(isEntry("fault.injected")).map(({ kind }) => kind);

describe("[V30] faults of the call update", () => {
  test.each(["500", "429"] as const)("%s is answered as often as it was asked for, and nothing moves", async (kind) => {
    const { cloud, ivr, move } = await onHold();
    cloud.faults.add({ target: "call_update", kind, times: 2 });
    await expect(move()).rejects.toMatchObject({ status: Number(kind), code: kind === "500" ? 20500 : 20429 });
    await expect(move()).rejects.toMatchObject({ status: Number(kind) });
    expect(ivr.visits).toHaveLength(1);
    await move();
    await ivr.visited("/moved");
    expect(injected(cloud)).toEqual([kind, kind]);
  });

  test("a 429 carries the Retry-After that was asked for", async () => {
    const { cloud, call } = await onHold();
    cloud.faults.add({ target: "call_update", kind: "429", retryAfterSeconds: 2 });
    const response = await fetch(`${cloud.url}/2010-04-01/Accounts/${ACCOUNT}/Calls/${call.sid}.json`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`${ACCOUNT}:${TOKEN}`)}` },
    });
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("2");
  });

  test("slow: the client gives up first, and the call moves afterwards", async () => {
    const { cloud, ivr, move } = await onHold();
    cloud.faults.add({ target: "call_update", kind: "slow", delayMs: 700 });
    await expect(move()).rejects.toMatchObject({ code: "ECONNABORTED" });
    expect(ivr.visits).toHaveLength(1);
    await ivr.visited("/moved");
    expect(injected(cloud)).toEqual(["slow"]);
  });

  test("lateSuccess: the call moves at once, and the client has given up when the answer comes", async () => {
    const { cloud, ivr, move } = await onHold();
    cloud.faults.add({ target: "call_update", kind: "lateSuccess", delayMs: 700 });
    const update = move().then(
      () => "answered",
      (error: { code: string }) => error.code,
    );
    await ivr.visited("/moved");
    expect(cloud.ledger.entries.filter(isEntry("rest.answered"))).toEqual([]);
    expect(await update).toBe("ECONNABORTED");
    expect(injected(cloud)).toEqual(["lateSuccess"]);
  });

  test("reset breaks the connection before, resetAfterEffect after the call has moved", async () => {
    const { cloud, ivr, move } = await onHold();
    cloud.faults.add({ target: "call_update", kind: "reset" });
    await expect(move()).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(ivr.visits).toHaveLength(1);
    cloud.faults.add({ target: "call_update", kind: "resetAfterEffect" });
    await expect(move()).rejects.toMatchObject({ code: "ECONNRESET" });
    await ivr.visited("/moved");
    expect(injected(cloud)).toEqual(["reset", "resetAfterEffect"]);
  });

  test("a fault of one call leaves another alone", async () => {
    const { cloud, ivr, move } = await onHold();
    cloud.faults.add({ target: "call_update", kind: "500", callSid: `CA${"0".repeat(32)}`, times: 100 });
    await move();
    await ivr.visited("/moved");
    expect(injected(cloud)).toEqual([]);
  });
});

describe("[V31] faults of webhooks", () => {
  const DONE = twiml("<Hangup/>");

  test("drop: the webhook never arrives and is retried as a connection failure", async () => {
    const { cloud, ivr } = await cloudAndIvr({ "/voice": DONE });
    cloud.faults.add({ target: "webhook", kind: "drop" });
    expect((await cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` }).ended).reason).toBe("hangup_verb");
    expect(ivr.visits).toHaveLength(1);
    expect(cloud.ledger.entries.filter(isEntry("webhook.sent"))).toHaveLength(2);
    expect(injected(cloud)).toEqual(["drop"]);
  });

  test("duplicate: the webhook arrives twice with one idempotency token, and is played once", async () => {
    const { cloud, ivr } = await cloudAndIvr({ "/voice": DONE });
    cloud.faults.add({ target: "webhook", kind: "duplicate" });
    await cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` }).ended;
    await ivr.visited("/voice", 2);
    expect(new Set(ivr.visits.map(({ headers }) => headers["i-twilio-idempotency-token"])).size).toBe(1);
    expect(cloud.ledger.entries.filter(isEntry("document.started"))).toHaveLength(1);
  });

  test("loseAnswer: the webhook arrives, and the fallback is asked", async () => {
    const { cloud, ivr } = await cloudAndIvr({ "/voice": DONE, "/fallback": twiml("<Say>Sorry.</Say>") });
    cloud.faults.add({ target: "webhook", kind: "loseAnswer" });
    const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice`, fallbackUrl: `${ivr.url}/fallback` });
    expect((await call.ended).reason).toBe("document_finished");
    expect(ivr.visits.map(({ path }) => path)).toEqual(["/voice", "/fallback"]);
  });

  test("delay: the webhook arrives late; status callbacks have faults of their own", async () => {
    const { cloud, ivr } = await cloudAndIvr({ "/voice": DONE, "/status": "" });
    cloud.faults.add({ target: "webhook", kind: "delay", delayMs: 120 });
    cloud.faults.add({ target: "status_callback", kind: "drop", times: 2 });
    const started = performance.now();
    const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice`, statusCallback: `${ivr.url}/status` });
    await call.ended;
    expect(performance.now() - started).toBeGreaterThan(115);
    await cloud.waitFor((entry) => entry.type === "webhook.failed" && entry.attempt === 2);
    expect(ivr.visits.map(({ path }) => path)).toEqual(["/voice"]);
    expect(injected(cloud)).toEqual(["delay", "drop", "drop"]);
  });
});

describe("[V32] the fault plan", () => {
  test("a rate draws the same from the same seed, about as often as it says", () => {
    const draw = (seed: number) => {
      const plan = new FaultPlan();
      plan.add({ target: "call_update", kind: "500", rate: 0.3, seed });
      return Array.from({ length: 1000 }, () => plan.take("call_update", undefined) !== undefined);
    };
    expect(draw(42)).toEqual(draw(42));
    expect(draw(42)).not.toEqual(draw(43));
    const hits = draw(42).filter(Boolean).length;
    expect(hits).toBeGreaterThan(250);
    expect(hits).toBeLessThan(350);
  });

  test("faults are used up in order, and clearing leaves none", () => {
    const plan = new FaultPlan();
    plan.add({ target: "call_update", kind: "500" });
    plan.add({ target: "call_update", kind: "429", times: 2 });
    const kinds = Array.from({ length: 4 }, () => plan.take("call_update", "CA1")?.kind);
    expect(kinds).toEqual(["500", "429", "429", undefined]);
    expect(plan.faults.map(({ injected: count }) => count)).toEqual([1, 2]);
    plan.add({ target: "webhook", kind: "drop" });
    plan.clear();
    expect(plan.take("webhook", "CA1")).toBeUndefined();
  });

  test.each([
    ["call_update", "drop"],
    ["webhook", "500"],
    ["status_callback", "lateSuccess"],
    ["call_fetch", "duplicate"],
  ] as const)("%s has no fault %s", (target, kind) => {
    expect(() => new FaultPlan().add({ target, kind })).toThrow(RangeError);
  });
});
