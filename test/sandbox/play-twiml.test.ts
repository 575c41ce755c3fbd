import { expect, test } from "vitest";
import { isEntry } from "../../sandbox/ledger/ledger-entry.ts";
import { cloudAndIvr, FROM, TO } from "./cloud-fixture.ts";
import { twiml } from "./start-ivr.ts";

test("[V1] a call plays its TwiML in order and ends with it", async () => {
  const { cloud, ivr } = await cloudAndIvr({
    "/voice": twiml(
      '<Say language="en-US" voice="Polly.Joanna">Hello.</Say><Pause length="2"/><Play>http://x.example/a.mp3</Play>',
    ),
  });
  const call = cloud.placeCall({ to: TO, from: FROM, voiceUrl: `${ivr.url}/voice` });
  expect(call.sid).toMatch(/^CA[0-9a-f]{32}$/);
  expect(call.status).toBe("ringing");
  expect(await call.ended).toMatchObject({ status: "completed", reason: "document_finished" });
  expect(call.transcript).toMatchObject([
    { kind: "say", text: "Hello.", voice: "Polly.Joanna", language: "en-US", cutShort: false },
    { kind: "play", text: "http://x.example/a.mp3", cutShort: false },
  ]);
  const verbs = cloud.ledger.entries.filter(isEntry("verb.started")).map(({ verb }) => verb);
  expect(verbs).toEqual(["Say", "Pause", "Play"]);
});

test("[V2] the first webhook is a signed POST of a ringing call, later ones of a call in progress", async () => {
  const { cloud, ivr } = await cloudAndIvr({
    "/voice": twiml("<Redirect>/next?step=2</Redirect>"),
    "/next": twiml("<Hangup/>"),
  });
  const call = cloud.placeCall({
    to: TO,
    from: FROM,
    voiceUrl: `${ivr.url}/voice`,
    stirVerstat: "TN-Validation-Passed-A",
  });
  expect(await call.ended).toMatchObject({ reason: "hangup_verb" });
  expect(ivr.visits).toMatchObject([
    {
      method: "POST",
      signatureValid: true,
      form: {
        CallSid: call.sid,
        CallStatus: "ringing",
        Direction: "inbound",
        From: FROM,
        To: TO,
        ApiVersion: "2010-04-01",
        StirVerstat: "TN-Validation-Passed-A",
      },
    },
    { method: "POST", signatureValid: true, path: "/next", query: { step: "2" }, form: { CallStatus: "in-progress" } },
  ]);
});

test("[V3] a digit barges in on the prompts and is posted to the action", async () => {
  const { cloud, ivr } = await cloudAndIvr(
    {
      "/voice": twiml(
        '<Gather numDigits="1" action="/wait?loop=1"><Say>Your code is 4 8 2 9 1 3. Press 1 when done, or 0 to cancel.</Say></Gather><Redirect>/never</Redirect>',
      ),
      "/wait": twiml("<Hangup/>"),
    },
    { timeScale: 1 },
  );
  const call = cloud.placeCall({ to: TO, from: FROM, voiceUrl: `${ivr.url}/voice` });
  expect(await call.pressDigitsWhenAsked("1")).toBe(1);
  await call.ended;
  expect(ivr.visits[1]).toMatchObject({
    path: "/wait",
    query: { loop: "1" },
    form: { Digits: "1" },
    signatureValid: true,
  });
  expect(call.transcript).toMatchObject([{ cutShort: true }]);
  expect(call.spokenCode).toBe("482913");
});
