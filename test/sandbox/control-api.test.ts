import { describe, expect, test } from "vitest";
import { isEntry } from "../../sandbox/ledger/ledger-entry.ts";
import type { VoiceCloud } from "../../sandbox/voice-cloud.ts";
import { ACCOUNT, cloudAndIvr, FROM, TO } from "./cloud-fixture.ts";
import { twiml } from "./start-ivr.ts";

const JSON_TYPE = { "content-type": "application/json" };

function send(
  cloud: VoiceCloud,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = JSON_TYPE,
) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(`${cloud.url}/sandbox${path}`, { method, ...(body === undefined ? {} : { body: text, headers }) });
}

const VOICE = { "/voice": twiml('<Gather numDigits="1" timeout="3600"><Say>Your code is 1 2 3 4 5 6.</Say></Gather>') };

describe("[V40] the control API", () => {
  test("places, shows, drives and ends a call", async () => {
    const { cloud, ivr } = await cloudAndIvr(VOICE);
    const placed = await send(cloud, "POST", "/calls", { to: TO, from: FROM, voiceUrl: `${ivr.url}/voice` });
    expect(placed.status).toBe(201);
    const { sid } = (await placed.json()) as { sid: string };
    await cloud.waitFor(isEntry("gather.started", sid));
    const shown = await (await send(cloud, "GET", `/calls/${sid}`)).json();
    expect(shown).toMatchObject({
      sid,
      accountSid: ACCOUNT,
      status: "in-progress",
      listening: true,
      verb: "Gather",
      spokenCode: "123456",
    });
    expect(await (await send(cloud, "GET", "/calls")).json()).toMatchObject({ calls: [{ sid }] });
    ivr.page("/voice", twiml('<Pause length="3600"/>'));
    expect(await (await send(cloud, "POST", `/calls/${sid}/digits`, { digits: "1" })).json()).toEqual({ heard: 1 });
    await ivr.visited("/voice", 2);
    expect(await (await send(cloud, "POST", `/calls/${sid}/hangup`)).json()).toMatchObject({ status: "completed" });
    const late = await send(cloud, "POST", `/calls/${sid}/digits`, { digits: "1" });
    expect(late.status).toBe(409);
    expect(await late.json()).toMatchObject({ code: "call_ended" });
  });

  test("serves the ledger in pages, oldest first", async () => {
    const { cloud, ivr } = await cloudAndIvr({ "/voice": twiml("<Hangup/>") });
    await cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` }).ended;
    const first = (await (await send(cloud, "GET", "/ledger?after=0&limit=2")).json()) as {
      entries: unknown[];
      next: number;
    };
    expect(first.entries).toMatchObject([
      { seq: 1, type: "call.placed", time: expect.stringMatching(/Z$/), monotonicMs: expect.any(Number) },
      { seq: 2, type: "call.status", status: "ringing" },
    ]);
    expect(first.next).toBe(2);
    const rest = (await (await send(cloud, "GET", `/ledger?after=${first.next}`)).json()) as {
      entries: { type: string }[];
      next: number;
    };
    expect(rest.entries.at(-1)?.type).toBe("call.ended");
    expect(await (await send(cloud, "GET", `/ledger?after=${rest.next}`)).json()).toEqual({
      entries: [],
      next: rest.next,
    });
  });

  test("holds a ledger request until there is something new", async () => {
    const { cloud, ivr } = await cloudAndIvr({ "/voice": twiml("<Hangup/>") });
    const waiting = send(cloud, "GET", "/ledger?after=0&wait=30");
    await fetch(`${cloud.url}/sandbox/healthz`);
    cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` });
    const { entries } = (await (await waiting).json()) as { entries: unknown[] };
    expect(entries[0]).toMatchObject({ seq: 1, type: "call.placed" });
  });

  test("closing answers a held ledger request", async () => {
    const { cloud } = await cloudAndIvr();
    const waiting = send(cloud, "GET", "/ledger?after=0&wait=30");
    await fetch(`${cloud.url}/sandbox/healthz`);
    const started = performance.now();
    const closing = cloud.close();
    await waiting.catch(() => undefined);
    await closing;
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test("adds, lists and clears faults", async () => {
    const { cloud } = await cloudAndIvr();
    const added = await send(cloud, "POST", "/faults", { target: "call_update", kind: "500", times: 3 });
    expect(added.status).toBe(201);
    expect(await added.json()).toMatchObject({ id: expect.any(String), remaining: 3, injected: 0 });
    expect(cloud.faults.take("call_update", undefined)?.kind).toBe("500");
    expect(await (await send(cloud, "GET", "/faults")).json()).toMatchObject({
      faults: [{ remaining: 2, injected: 1 }],
    });
    expect((await send(cloud, "DELETE", "/faults")).status).toBe(204);
    expect(cloud.faults.faults).toEqual([]);
  });

  test("says that it is alive", async () => {
    const { cloud } = await cloudAndIvr();
    expect(await (await send(cloud, "GET", "/healthz")).json()).toEqual({ status: "ok" });
  });
});

describe("[V41] the control API refuses what is wrong with a stable code", () => {
  const good = { to: TO, voiceUrl: "http://127.0.0.1:9/voice" };
  test.each<[string, string, unknown]>([
    ["no body", "/calls", {}],
    ["an array", "/calls", [good]],
    ["null", "/calls", "null"],
    ["a string", "/calls", '"x"'],
    ["broken JSON", "/calls", '{"to":'],
    ["an unknown field", "/calls", { ...good, colour: "red" }],
    ["__proto__", "/calls", `{"to":"${TO}","voiceUrl":"http://x.example","__proto__":{"from":"x"},"constructor":1}`],
    ["a number as to", "/calls", { ...good, to: 1800 }],
    ["an empty to", "/calls", { ...good, to: "" }],
    ["a to with a line break", "/calls", { ...good, to: "+1800\r\nX: y" }],
    ["a to of 65 characters", "/calls", { ...good, to: "1".repeat(65) }],
    ["a relative voiceUrl", "/calls", { ...good, voiceUrl: "/voice" }],
    ["a file: voiceUrl", "/calls", { ...good, voiceUrl: "file:///etc/passwd" }],
    ["a voiceUrl of 5000 characters", "/calls", { ...good, voiceUrl: `http://x.example/${"a".repeat(5000)}` }],
    ["a bad method", "/calls", { ...good, voiceMethod: "PUT" }],
    ["an unknown account", "/calls", { ...good, accountSid: `AC${"9".repeat(32)}` }],
    ["an inherited name as the account", "/calls", { ...good, accountSid: "constructor" }],
    ["unknown status events", "/calls", { ...good, statusCallbackEvents: ["every"] }],
    ["a bad statusCallback", "/calls", { ...good, statusCallback: "x" }],
    ["a fault without a kind", "/faults", { target: "webhook" }],
    ["a fault that does not fit", "/faults", { target: "webhook", kind: "500" }],
    ["a rate above 1", "/faults", { target: "webhook", kind: "drop", rate: 1.5 }],
    ["a negative delay", "/faults", { target: "webhook", kind: "delay", delayMs: -1 }],
    ["a delay of a day", "/faults", { target: "webhook", kind: "delay", delayMs: 86_400_000 }],
    ["no times at all", "/faults", { target: "webhook", kind: "drop", times: 0 }],
    ["half a time", "/faults", { target: "webhook", kind: "drop", times: 0.5 }],
  ])("%s is invalid_request", async (_name, path, attacker) => {
    const { cloud } = await cloudAndIvr();
    const response = await send(cloud, "POST", path, attacker);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ code: "invalid_request", message: expect.any(String) });
    expect(cloud.calls).toEqual([]);
    expect(cloud.faults.faults).toEqual([]);
  });

  test.each<[string, unknown]>([
    ["no digits", {}],
    ["empty digits", { digits: "" }],
    ["letters", { digits: "1a" }],
    ["a number", { digits: 1 }],
    ["65 digits", { digits: "1".repeat(65) }],
    ["other digits than ASCII", { digits: "١" }],
  ])("%s are no keys", async (_name, attacker) => {
    const { cloud, ivr } = await cloudAndIvr(VOICE);
    const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` });
    const response = await send(cloud, "POST", `/calls/${call.sid}/digits`, attacker);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "invalid_request" });
  });

  test.each([
    "after=-1",
    "after=x",
    "after=1e3",
    "limit=0",
    "limit=100000",
    "after=1&after=2",
    "wait=31",
    "wait=-1",
    "colour=red",
  ])("/ledger?%s is invalid_request", async (attacker) => {
    const { cloud } = await cloudAndIvr();
    const response = await send(cloud, "GET", `/ledger?${attacker}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "invalid_request" });
  });

  test.each<[string, string, string, number]>([
    ["another media type", JSON.stringify(good), "text/plain", 415],
    ["a form, as a web page could post it", "to=1", "application/x-www-form-urlencoded", 415],
    ["64 kB", JSON.stringify({ ...good, from: "1".repeat(70_000) }), "application/json", 413],
  ])("%s", async (_name, attacker, type, httpStatus) => {
    const { cloud } = await cloudAndIvr();
    const response = await send(cloud, "POST", "/calls", attacker, { "content-type": type });
    expect(response.status).toBe(httpStatus);
    expect(await response.json()).toMatchObject({
      code: httpStatus === 413 ? "payload_too_large" : "unsupported_media_type",
    });
    expect(cloud.calls).toEqual([]);
  });

  test.each<[string, string]>([
    ["GET", "/calls/CA0"],
    ["POST", "/calls/CA0/hangup"],
    ["GET", "/calls/__proto__"],
    ["GET", "/"],
    ["PATCH", "/calls"],
    ["GET", "/ivr/other"],
    ["DELETE", "/ledger"],
  ])("%s %s is not_found", async (method, attacker) => {
    const { cloud } = await cloudAndIvr();
    const response = await send(cloud, method, attacker);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "not_found" });
  });
});

describe("[V42] the built-in IVR pages", () => {
  test.each([
    ["verified", "you are verified"],
    ["unverified", "could not verify"],
  ])("/ivr/%s says so, hangs up, and records names, never the receipt", async (page, text) => {
    const { cloud, ivr } = await cloudAndIvr();
    const target = `${cloud.url}/sandbox/ivr/${page}?sid=csn_1&receipt=eyJh.secret.sig&reason=timeout`;
    ivr.page("/voice", twiml(`<Redirect>${target.replaceAll("&", "&amp;")}</Redirect>`));
    const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` });
    expect((await call.ended).reason).toBe("hangup_verb");
    expect(call.transcript[0]?.text).toContain(text);
    const visit = await cloud.waitFor(isEntry("ivr.visited", call.sid));
    expect(visit).toMatchObject({ page, sid: "csn_1", parameters: ["sid", "receipt", "reason"] });
    expect(JSON.stringify(cloud.ledger.entries)).not.toContain("secret");
  });

  test.each([
    "?sid=a&sid=b",
    `?sid=${"x".repeat(5000)}`,
    `?${Array.from({ length: 200 }, (_, index) => `p${index}=1`).join("&")}`,
    "?__proto__[a]=1",
    "?%E0%A4%A",
  ])("a strange query %s is recorded within bounds", async (attacker) => {
    const { cloud } = await cloudAndIvr();
    const response = await fetch(`${cloud.url}/sandbox/ivr/verified${attacker}`);
    expect(response.status).toBe(200);
    expect(JSON.stringify(cloud.ledger.entries).length).toBeLessThan(5000);
  });
});
