import twilio from "twilio";
import { expect, test } from "vitest";
import { isEntry } from "../../sandbox/ledger/ledger-entry.ts";
import type { VoiceCloud } from "../../sandbox/voice-cloud.ts";
import { ACCOUNT, cloudAndIvr, FROM, TO } from "./cloud-fixture.ts";
import { TOKEN, twiml } from "./start-ivr.ts";

/** Twilio's own client, pointed at the sandbox. */
function clientOf(cloud: VoiceCloud, authToken = TOKEN) {
  const client = twilio(ACCOUNT, authToken);
  client.api.baseUrl = cloud.url;
  return client;
}

const HOLD = '<Pause length="3600"/>';

async function onHold(verbs = HOLD, options = {}) {
  const parts = await cloudAndIvr(
    { "/voice": twiml(verbs), "/moved": twiml("<Say>Moved.</Say>"), "/act": twiml("<Say>Wrong.</Say>") },
    { timeScale: 1, ...options },
  );
  const call = parts.cloud.placeCall({ to: TO, from: FROM, voiceUrl: `${parts.ivr.url}/voice` });
  await parts.cloud.waitFor(isEntry("verb.started", call.sid));
  return { ...parts, call, client: clientOf(parts.cloud) };
}

test.each([
  ["Pause", HOLD],
  ["Say", `<Say loop="0">${"please hold the line. ".repeat(50)}</Say>`],
  ["Play", '<Play loop="0">https://x.example/music.mp3</Play>'],
  ["Gather", `<Gather action="/act" timeout="3600"/>`],
])("[V20] an update with a Url interrupts a %s at once and fetches the new document", async (verb, verbs) => {
  const { cloud, ivr, call, client } = await onHold(`${verbs}<Redirect>/act</Redirect>`);
  const updated = await client.calls(call.sid).update({ url: `${ivr.url}/moved?sid=csn_1`, method: "POST" });
  expect(updated).toMatchObject({
    sid: call.sid,
    accountSid: ACCOUNT,
    status: "in-progress",
    to: TO,
    from: FROM,
    direction: "inbound",
  });
  expect(await ivr.visited("/moved")).toMatchObject({
    method: "POST",
    query: { sid: "csn_1" },
    form: { CallSid: call.sid, CallStatus: "in-progress" },
    signatureValid: true,
  });
  expect(await call.ended).toMatchObject({ reason: "document_finished" });
  expect(call.transcript.at(-1)?.text).toBe("Moved.");
  expect(ivr.visits.map(({ path }) => path)).toEqual(["/voice", "/moved"]);
  expect(cloud.ledger.entries.filter(isEntry("call.updated"))).toMatchObject([{ with: "url", interrupted: verb }]);
});

test("[V20] an update with Twiml plays it, and its absolute URLs lead on", async () => {
  const { ivr, call, client } = await onHold();
  await client
    .calls(call.sid)
    .update({ twiml: twiml(`<Say>Inline.</Say><Redirect method="GET">${ivr.url}/moved</Redirect>`) });
  await call.ended;
  expect(ivr.visits[1]).toMatchObject({
    method: "GET",
    path: "/moved",
    query: { CallSid: call.sid },
    signatureValid: true,
  });
  expect(call.transcript.map(({ text }) => text)).toEqual(["Inline.", "Moved."]);
});

test("[V20] Method GET fetches the new document by GET", async () => {
  const { ivr, call, client } = await onHold();
  await client.calls(call.sid).update({ url: `${ivr.url}/moved?a=1`, method: "GET" });
  expect(await ivr.visited("/moved")).toMatchObject({
    method: "GET",
    query: { a: "1", CallSid: call.sid },
    signatureValid: true,
  });
});

test("[V20] the last of several updates wins", async () => {
  const { cloud, ivr, call, client } = await onHold();
  ivr.page("/slow", async () => {
    await client.calls(call.sid).update({ url: `${ivr.url}/moved` });
    return twiml("<Say>Too late.</Say>");
  });
  await client.calls(call.sid).update({ url: `${ivr.url}/slow` });
  await call.ended;
  expect(call.transcript.map(({ text }) => text)).toEqual(["Moved."]);
  expect(cloud.ledger.entries.filter(isEntry("call.updated"))).toHaveLength(2);
});

test("[V20] with fetchInterruptedVerb the interrupted gather's action is fetched once and the target wins", async () => {
  const { ivr, call, client } = await onHold(
    '<Gather action="/act?loop=1" timeout="3600"/><Redirect>/act?loop=2</Redirect>',
    {
      fetchInterruptedVerb: true,
    },
  );
  await client.calls(call.sid).update({ url: `${ivr.url}/moved` });
  await call.ended;
  expect(await ivr.visited("/act")).toMatchObject({ query: { loop: "1" }, form: { Digits: "" }, signatureValid: true });
  expect(ivr.visits).toHaveLength(3);
  expect(call.transcript.map(({ text }) => text)).toEqual(["Moved."]);
});

test("[V20] with fetchInterruptedVerb a wait loop's trailing Redirect is fetched once", async () => {
  const { ivr, call, client } = await onHold(`${HOLD}<Redirect>/act?loop=2</Redirect>`, { fetchInterruptedVerb: true });
  await client.calls(call.sid).update({ url: `${ivr.url}/moved` });
  await call.ended;
  expect(await ivr.visited("/act")).toMatchObject({ query: { loop: "2" } });
  expect(call.transcript.map(({ text }) => text)).toEqual(["Moved."]);
});

test("[V21] Status=completed hangs up, and the resource says so", async () => {
  const { call, client } = await onHold();
  const updated = await client.calls(call.sid).update({ status: "completed" });
  expect(updated).toMatchObject({ status: "completed" });
  expect(updated.endTime).toBeInstanceOf(Date);
  expect(await call.ended).toMatchObject({ reason: "ended_by_api" });
  expect(await client.calls(call.sid).fetch()).toMatchObject({
    status: "completed",
    duration: expect.stringMatching(/^\d+$/),
  });
});

test("[V21] Status=canceled leaves a call in progress alone", async () => {
  const { call, client } = await onHold();
  expect(await client.calls(call.sid).update({ status: "canceled" })).toMatchObject({ status: "in-progress" });
  expect(call.status).toBe("in-progress");
});

test("[V21] a call that is over answers 21220 to every update", async () => {
  const { ivr, call, client } = await onHold();
  call.hangUp();
  const refused = expect.objectContaining({
    status: 400,
    code: 21220,
    message: "Call is not in-progress. Cannot redirect.",
  });
  await expect(client.calls(call.sid).update({ url: `${ivr.url}/moved` })).rejects.toEqual(refused);
  await expect(client.calls(call.sid).update({ twiml: twiml("<Hangup/>") })).rejects.toEqual(refused);
  await expect(client.calls(call.sid).update({ status: "completed" })).rejects.toEqual(refused);
  expect(ivr.visits).toHaveLength(1);
});

test("[V21] a call whose first document is still being fetched cannot be redirected yet", async () => {
  const { cloud, ivr } = await cloudAndIvr({});
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<string>();
  ivr.page("/voice", () => {
    asked.resolve();
    return answer.promise;
  });
  const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` });
  await asked.promise;
  await expect(
    clientOf(cloud)
      .calls(call.sid)
      .update({ url: `${ivr.url}/x` }),
  ).rejects.toMatchObject({ code: 21220 });
  answer.resolve(twiml("<Hangup/>"));
  expect(await call.ended).toMatchObject({ reason: "hangup_verb" });
});

test("[V22] wrong credentials are 20003, another SID is 20404", async () => {
  const { cloud, call, client } = await onHold();
  await expect(clientOf(cloud, "wrong-token").calls(call.sid).fetch()).rejects.toMatchObject({
    status: 401,
    code: 20003,
  });
  await expect(client.calls(`CA${"0".repeat(32)}`).fetch()).rejects.toMatchObject({ status: 404, code: 20404 });
});

test("[V22] a token that was rotated out still authenticates and signs nothing", async () => {
  const accounts = [{ accountSid: ACCOUNT, authToken: TOKEN, previousAuthTokens: ["the-previous-token"] }];
  const { cloud, ivr, call } = await onHold(HOLD, { accounts });
  await clientOf(cloud, "the-previous-token")
    .calls(call.sid)
    .update({ url: `${ivr.url}/moved` });
  expect(await ivr.visited("/moved")).toMatchObject({ signatureValid: true });
});

test("[V22] another account's call is 20404, with its own and with the other's credentials", async () => {
  const other = { accountSid: `AC${"2".repeat(32)}`, authToken: "another-token" };
  const accounts = [{ accountSid: ACCOUNT, authToken: TOKEN }, other];
  const { cloud, call } = await onHold(HOLD, { accounts });
  const stranger = twilio(other.accountSid, other.authToken);
  stranger.api.baseUrl = cloud.url;
  await expect(stranger.calls(call.sid).fetch()).rejects.toMatchObject({ status: 404, code: 20404 });
  const crossing = twilio(other.accountSid, other.authToken, { accountSid: ACCOUNT });
  crossing.api.baseUrl = cloud.url;
  await expect(crossing.calls(call.sid).fetch()).rejects.toMatchObject({ status: 404, code: 20404 });
});

test("[V23] the official client places an outbound call that rings, is answered and reports its progress", async () => {
  const { cloud, ivr } = await cloudAndIvr({ "/voice": twiml("<Say>Hello.</Say>"), "/status": "" });
  const created = await clientOf(cloud).calls.create({
    to: TO,
    from: FROM,
    url: `${ivr.url}/voice`,
    statusCallback: `${ivr.url}/status`,
    statusCallbackEvent: ["initiated", "ringing", "answered", "completed"],
  });
  expect(created).toMatchObject({
    direction: "outbound-api",
    status: expect.stringMatching(/queued|initiated|ringing/),
  });
  await cloud.call(created.sid)?.ended;
  await ivr.visited("/status", 4);
  const statuses = ivr.visits.filter(({ path }) => path === "/status");
  const bySequence = statuses.map(({ form }) => `${form["SequenceNumber"]} ${form["CallStatus"]}`).sort();
  expect(bySequence).toEqual(["0 initiated", "1 ringing", "2 in-progress", "3 completed"]);
  expect(statuses.every(({ signatureValid }) => signatureValid)).toBe(true);
});
