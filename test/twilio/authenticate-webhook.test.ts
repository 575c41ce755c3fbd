import { expect, test } from "vitest";
import { testPublicUrl, useGateways } from "../support/gateway.ts";
import { send } from "../support/send.ts";
import { testTenant, twilioAccount } from "../support/test-tenants.ts";
import { authToken, callFields, newCallSid, promptOf, sign, twimlOf, webhook } from "./webhook.ts";

const fixture = useGateways();

const otherAccount = `AC${"b2".repeat(16)}`;
const otherTenant = () =>
  testTenant({
    id: "globex",
    providers: { twilio: { mode: "none", accountSid: otherAccount, authTokens: ["their-auth-token"] } },
  });

interface Forgery {
  what: string;
  fields?: Record<string, string | string[] | undefined>;
  options?: Parameters<typeof webhook>[3];
  signedFor?: string;
}

const forgeries: Forgery[] = [
  { what: "no signature", options: { signature: null } },
  { what: "an empty signature", options: { signature: "" } },
  { what: "a signature by another key", options: { token: "not-the-token" } },
  { what: "a signature by another tenant's key", options: { token: "their-auth-token" } },
  { what: "a signature for another host", options: { publicUrl: "https://callseal.example" } },
  { what: "a signature for plain http", options: { publicUrl: testPublicUrl.replace("https", "http") } },
  { what: "a signature for another step", signedFor: "prompt" },
  { what: "a signature for another query", signedFor: "start?locale=de-DE" },
  { what: "an account that nobody has", fields: { AccountSid: `AC${"c3".repeat(16)}` } },
  { what: "another tenant's account, signed by this tenant's key", fields: { AccountSid: otherAccount } },
  { what: "no account", fields: { AccountSid: undefined } },
  { what: "two accounts", fields: { AccountSid: [twilioAccount, otherAccount] } },
  { what: "the account as a list", fields: { AccountSid: undefined, "AccountSid[]": twilioAccount } },
  { what: "a prototype key for an account", fields: { AccountSid: "__proto__" } },
  { what: "a form above 64 KiB", fields: { Padding: "x".repeat(70_000) } },
  { what: "a form of 1001 fields", fields: { Field: Array.from({ length: 1001 }, (_, index) => String(index)) } },
  {
    what: "a charset that no form has",
    options: { headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-7" } },
  },
  { what: "a form that says it is JSON", options: { headers: { "content-type": "application/json" } } },
  { what: "a form that says it is compressed", options: { headers: { "content-encoding": "gzip" } } },
];

test.each(forgeries)("[T1] $what is 403, and no session is opened", async ({ fields, options, signedFor }) => {
  const { gateway, keys } = await fixture.start({ tenants: [testTenant(), otherTenant()] });
  const callSid = newCallSid();
  const attacker = callFields(callSid, fields);
  const moved =
    signedFor === undefined ? {} : { signature: sign(`${testPublicUrl}/ivr/verify/${signedFor}`, attacker) };
  const answer = await webhook(gateway, "start", attacker, { ...options, ...moved });
  expect(answer.status).toBe(403);
  expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json/);
  expect(JSON.parse(answer.text)).toMatchObject({
    status: 403,
    code: "forbidden",
    detail: "The X-Twilio-Signature is missing or does not fit this request.",
  });
  const read = await send(gateway, `GET /scramble/caller/v1/calls/twilio/${callSid}`, { key: keys.sessions });
  expect(read.status).toBe(404);
});

test.each(["start", "prompt", "wait?loop=1", "success?sid=csn_x_1", "failure", "status", "nowhere", ""])(
  "[T1] /ivr/verify/%s refuses what is not signed, by POST and by GET",
  async (step) => {
    const { gateway } = await fixture.start();
    for (const method of ["POST", "GET"] as const) {
      const answer = await webhook(gateway, step, callFields(newCallSid()), { method, token: "not-the-token" });
      expect(answer.status).toBe(403);
    }
  },
);

test("[T1] a signed request of which one field was changed, added or dropped is 403", async () => {
  const { gateway } = await fixture.start();
  const signed = callFields(newCallSid());
  const signature = sign(`${testPublicUrl}/ivr/verify/start`, signed);
  expect((await webhook(gateway, "start", signed, { signature })).status).toBe(200);
  for (const change of [{ From: "+14155550199" }, { Digits: "0" }, { To: undefined }, { CallSid: newCallSid() }]) {
    const attacker = Object.fromEntries(Object.entries({ ...signed, ...change }).filter(([, value]) => value));
    expect((await webhook(gateway, "start", attacker, { signature })).status, JSON.stringify(change)).toBe(403);
  }
});

test("[T2] the configured public URL is what counts, whatever Host and X-Forwarded-* say", async () => {
  const { gateway } = await fixture.start({ environment: { CALLSEAL_TRUST_PROXY: "true" } });
  const headers = { "x-forwarded-host": "evil.example", "x-forwarded-proto": "http", host: "evil.example" };
  expect((await webhook(gateway, "start", callFields(newCallSid()), { headers })).status).toBe(200);
  const forEvil = { headers, publicUrl: "http://evil.example" };
  expect((await webhook(gateway, "start", callFields(newCallSid()), forEvil)).status).toBe(403);
});

test("[T2] while a token is rotated both sign, and its own tenant's account alone is meant", async () => {
  const twilio = { mode: "none" as const, accountSid: twilioAccount, authTokens: ["the-new-token", "the-old-token"] };
  const { gateway } = await fixture.start({ tenants: [testTenant({ providers: { twilio } }), otherTenant()] });
  for (const token of ["the-new-token", "the-old-token"]) {
    const answer = await webhook(gateway, "start", callFields(newCallSid()), { token });
    expect(promptOf(gateway, answer).code).toMatch(/^\d{6}$/);
  }
  const theirs = callFields(newCallSid(), { AccountSid: otherAccount });
  expect((await webhook(gateway, "start", theirs, { token: "their-auth-token" })).status).toBe(200);
  expect((await webhook(gateway, "start", callFields(newCallSid()), { token: authToken })).status).toBe(403);
});

test("[T2] odd characters in the query are signed as they were sent", async () => {
  const { gateway } = await fixture.start();
  for (const query of ["locale=de-DE&x=it's", "x=%7Eb&y=a+b", "x=%20&&y", "crmCaseId=CASE%2F9%0A"]) {
    const answer = await webhook(gateway, `start?${query}`, callFields(newCallSid()));
    expect(promptOf(gateway, answer).code, query).toMatch(/^\d{6}$/);
  }
});

test("[T2] a tenant that configures GET is served likewise: the fields are in the signed query", async () => {
  const { gateway } = await fixture.start();
  const callSid = newCallSid();
  const first = promptOf(gateway, await webhook(gateway, "start", callFields(callSid), { method: "GET" }));
  const again = promptOf(gateway, await webhook(gateway, "start", callFields(callSid)));
  expect(again).toEqual(first);
  const second = await webhook(gateway, first.next, callFields(callSid), { method: "GET" });
  expect(promptOf(gateway, second).code).toBe(first.code);
});

test("[T1] a refusal is logged with its reason and neither signature nor token", async () => {
  const { gateway, lines } = await fixture.start();
  const signature = sign(testPublicUrl, {}, "guess");
  await webhook(gateway, "start", callFields(newCallSid()), { signature });
  gateway.secrets.add(signature);
  const refused = lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ event }) => event === "webhook.refused");
  expect(refused).toMatchObject([{ step: "start", reason: "bad_signature", publicUrl: testPublicUrl }]);
});

test("[T1] the 403 is the only answer without TwiML: signed, an address that is no step still says something", async () => {
  const { gateway } = await fixture.start();
  for (const step of ["nowhere", "", "start/again"]) {
    const document = twimlOf(await webhook(gateway, step, callFields(newCallSid())));
    expect(document.verbs.at(-1)).toEqual({ verb: "Hangup" });
  }
});
