import { expect, test } from "vitest";
import { useGateways } from "../support/gateway.ts";
import { send } from "../support/send.ts";
import { testTenant, twilioAccount } from "../support/test-tenants.ts";
import { authToken, callFields, type Fields, newCallSid, promptOf, redirectOf, twimlOf, webhook } from "./webhook.ts";

const fixture = useGateways();

const successUrl = "https://ivr.acme.test/verified";
const failureUrl = "https://ivr.acme.test/unverified";
const unavailable = `${failureUrl}?reason=unavailable`;
const twilio = { mode: "none" as const, accountSid: twilioAccount, authTokens: [authToken], successUrl, failureUrl };
/** Fail-open, so that a refusal that is taken for an outage shows. */
const openTenant = () => testTenant({ policy: { degraded: "fail-open" }, providers: { twilio } });

const steps = ["start", "prompt", "wait?loop=1", "success", "failure"];

test.each<[string, Fields]>([
  ["no CallSid", { CallSid: undefined }],
  ["an empty CallSid", { CallSid: "" }],
  ["two CallSids", { CallSid: ["CA1", "CA2"] }],
  ["a CallSid of 129 characters", { CallSid: "C".repeat(129) }],
  ["a CallSid of 60,000 characters", { CallSid: "C".repeat(60_000) }],
  ["a CallSid with a line break", { CallSid: "CA1\r\nX-Injected: 1" }],
  ["a CallSid with a null byte", { CallSid: "CA1\0" }],
  ["a CallSid in another script", { CallSid: "СА１２３" }],
])("[T15] %s names no call: every step leads to failure, and nothing is opened", async (_what, fields) => {
  const { gateway, core } = await fixture.start({ tenants: [openTenant()] });
  const attacker = callFields("", fields);
  for (const step of steps) expect(redirectOf(await webhook(gateway, step, attacker)), step).toBe(unavailable);
  const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 1000 });
  expect(events).toEqual([]);
});

test.each(["__proto__", "constructor", "toString", "CA123", "<Say>&\"'", "%00", "{}", "../../etc"])(
  "[T15] %j is a call like any other",
  async (attacker) => {
    const { gateway } = await fixture.start();
    const first = promptOf(gateway, await webhook(gateway, "start", callFields(attacker)));
    const second = promptOf(gateway, await webhook(gateway, first.next, callFields(attacker)));
    expect(second.code).toBe(first.code);
    expect(Object.prototype).not.toHaveProperty("polluted");
  },
);

test.each<[string, Fields]>([
  ["prototype keys", { constructor: "x", "constructor[prototype][polluted]": "1", toString: "x", hasOwnProperty: "x" }],
  ["doubled fields", { From: ["+14155550123", "+14155550124"], To: ["a", "b"], StirVerstat: ["a", "b"] }],
  [
    "huge fields",
    { From: "+1".repeat(5000), To: "9".repeat(9000), StirVerstat: "x".repeat(9000), CallerName: "y".repeat(9000) },
  ],
  ["markup", { From: "<Response><Hangup/></Response>", CallerName: "]]>", To: "&amp;", StirVerstat: "<!ENTITY" }],
  ["brackets", { "From[0]": "x", "a[b][c][d][e][f]": "1", "Digits[]": "0" }],
  [
    "nothing but the call",
    { From: undefined, To: undefined, CallStatus: undefined, Direction: undefined, ApiVersion: undefined },
  ],
  [
    "900 fields that nobody knows",
    Object.fromEntries(Array.from({ length: 900 }, (_, index) => [`Field${index}`, "x"])),
  ],
])("[T15] with %s in its form a call is still opened and spoken", async (_what, fields) => {
  const { gateway, core } = await fixture.start();
  const callSid = newCallSid();
  const attacker = callFields(callSid, fields);
  const answer = await webhook(gateway, "start?locale=en-US", attacker);
  const { next, code } = promptOf(gateway, answer);
  expect(code).toMatch(/^\d{6}$/);
  expect(answer.text.length).toBeLessThan(4000);
  const session = await core.sessions.readLatest({ tenant: "acme", provider: "twilio", callId: callSid });
  expect(session).toMatchObject({ status: "pending", metadata: {} });
  if (typeof attacker["From"] !== "string" || attacker["From"].length > 16) expect(session).not.toHaveProperty("ani");
  expect(promptOf(gateway, await webhook(gateway, next, attacker)).code).toBe(code);
  expect(Object.prototype).not.toHaveProperty("polluted");
});

test.each([
  ["x=1", 1],
  ["loop=", 1],
  ["loop=NaN", 1],
  ["loop=-1", 1],
  ["loop=0", 1],
  ["loop=1.5", 1],
  ["loop=1e2", 1],
  ["loop=0x3", 1],
  ["loop=1&loop=9", 1],
  ["loop[]=9", 1],
  ["loop=%00", 1],
  ["loop=9999999999999999999999", 1],
  ["__proto__=9&constructor=9", 1],
  ["loop=00002", 2],
])("[T15] /wait?%s counts as turn %i", async (attacker, turn) => {
  const { gateway, core } = await fixture.start();
  const callSid = newCallSid();
  promptOf(gateway, await webhook(gateway, "start", callFields(callSid)));
  const { next } = promptOf(gateway, await webhook(gateway, `wait?${attacker}`, callFields(callSid)));
  expect(next).toContain(`wait?loop=${turn + 1}&`);
  const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 1000 });
  expect(events.filter(({ type }) => type === "loop_iteration")).toMatchObject([{ index: turn }]);
});

test.each(["loop=4", "loop=1000", "loop=1001", "loop=999999999999999"])(
  "[T5] /wait?%s is past the last turn and ends the session",
  async (attacker) => {
    const deployment = await fixture.start();
    const { gateway, keys } = deployment;
    const callSid = newCallSid();
    promptOf(gateway, await webhook(gateway, "start", callFields(callSid)));
    expect(redirectOf(await webhook(gateway, `wait?${attacker}`, callFields(callSid)))).toMatch(/\/failure\?sid=/);
    const read = await send(gateway, `GET /scramble/caller/v1/calls/twilio/${callSid}`, { key: keys.sessions });
    expect(read.body.status).toBe("timeout");
  },
);

test.each<[string, string | string[]]>([
  ["two keys", "00"],
  ["1 and 0", "10"],
  ["empty", ""],
  ["a letter", "a"],
  ["a wide zero", "０"],
  ["a key and a line break", "0\n"],
  ["given twice", ["0", "0"]],
  ["given twice and different", ["1", "0"]],
  ["a negative zero", "-0"],
  ["500 keys", "0".repeat(500)],
])("[T15] Digits that are %s are no key: the turn counts, and nothing is canceled", async (_what, attacker) => {
  const { gateway, core } = await fixture.start();
  const callSid = newCallSid();
  const { next } = promptOf(gateway, await webhook(gateway, "start", callFields(callSid)));
  const answer = await webhook(gateway, next, callFields(callSid, { Digits: attacker }));
  expect(promptOf(gateway, answer).next).toContain("loop=2");
  const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 1000 });
  const [turn] = events.filter(({ type }) => type === "loop_iteration");
  expect(turn).toMatchObject({ index: 1 });
  expect(turn).not.toHaveProperty("digit");
});

test.each([
  ["an empty sid", "sid="],
  ["no id at all", "sid=x"],
  ["a prototype key", "sid=__proto__"],
  ["an id that nobody derived", "sid=csn_AAAAAAAAAAAAAAAAAAAAAA_1"],
  ["a generation that is none", "sid=csn_AAAAAAAAAAAAAAAAAAAAAA_0"],
  ["two ids", "sid=csn_x_1&sid=csn_y_1"],
  ["5,000 characters", `sid=${"x".repeat(5000)}`],
  ["a line break", "sid=%0d%0aX-Injected:1"],
  ["markup", "sid=%3CSay%3E"],
])(
  "[T9] %s in the URL is no session of this call: nothing succeeds, is repeated back or is changed",
  async (_what, attacker) => {
    const { gateway, keys } = await fixture.start({ tenants: [openTenant()] });
    const callSid = newCallSid();
    promptOf(gateway, await webhook(gateway, "start", callFields(callSid)));
    for (const step of ["success?", "failure?", "prompt?", "wait?loop=9&"]) {
      const answer = await webhook(gateway, step + attacker, callFields(callSid, { Digits: "0" }));
      expect(redirectOf(answer), step).toBe(unavailable);
    }
    const read = await send(gateway, `GET /scramble/caller/v1/calls/twilio/${callSid}`, { key: keys.sessions });
    expect(read.body.status).toBe("pending");
  },
);

test("[T9] the generation after the call's latest is no session yet", async () => {
  const { gateway } = await fixture.start({ tenants: [openTenant()] });
  const callSid = newCallSid();
  const { next } = promptOf(gateway, await webhook(gateway, "start", callFields(callSid)));
  const following = next.replace(/_1$/, "_2");
  expect(following).not.toBe(next);
  const sessionId = new URLSearchParams(following.split("?")[1]).get("sid");
  expect(redirectOf(await webhook(gateway, following, callFields(callSid)))).toBe(
    `${failureUrl}?sid=${sessionId}&reason=unavailable`,
  );
});

test("[T14] a caller over the rate limit is led to failure, under fail-open too", async () => {
  const limits = { sessionsPerMinutePerAni: 2 };
  const tenant = testTenant({ limits, policy: { degraded: "fail-open" }, providers: { twilio } });
  const { gateway, core } = await fixture.start({ tenants: [tenant] });
  const first = newCallSid();
  promptOf(gateway, await webhook(gateway, "start", callFields(first)));
  promptOf(gateway, await webhook(gateway, "start", callFields(newCallSid())));
  expect(redirectOf(await webhook(gateway, "start", callFields(newCallSid())))).toBe(unavailable);
  promptOf(gateway, await webhook(gateway, "start", callFields(first)));
  const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 1000 });
  const types = events.map(({ type }) => type);
  expect(types).toContain("rate_limited");
  expect(types).not.toContain("degraded");
});

test("[T15] a record that makes no sense is a fault inside: the caller is led on by the policy, and the event says so", async () => {
  const deployment = await fixture.start({ allowErrors: true });
  const { gateway, core } = deployment;
  const callSid = newCallSid();
  const { next, code } = promptOf(gateway, await webhook(gateway, "start", callFields(callSid)));
  const sessionId = new URLSearchParams(next.split("?")[1]).get("sid")!;
  const [key] = await core.redis.keys(`${deployment.prefix}:*:call:${sessionId.slice(4, 26)}:1`);
  await core.redis.hset(key!, "metadata", "{not JSON");
  for (const step of ["start", "prompt", next, `success?sid=${sessionId}`, `failure?sid=${sessionId}`]) {
    expect(twimlOf(await webhook(gateway, step, callFields(callSid))).verbs.at(-1), step).toEqual({ verb: "Hangup" });
  }
  const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 1000 });
  const degraded = events.filter(({ type }) => type === "degraded");
  expect(degraded).toHaveLength(5);
  expect(degraded.find(({ step }) => step === "wait")).toMatchObject({
    step: "wait",
    cause: "fault",
    policy: "fail-closed",
    ledTo: "failure",
    sessionId,
  });
  expect(code).toMatch(/^\d{6}$/);
});
