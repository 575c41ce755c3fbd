import { expect, test } from "vitest";
import { isEntry } from "../../sandbox/ledger/ledger-entry.ts";
import { cloudAndIvr, FROM, TO } from "./cloud-fixture.ts";
import { twiml } from "./start-ivr.ts";

const DONE = twiml("<Hangup/>");

async function gathering(gather: string, options = {}) {
  const parts = await cloudAndIvr(
    { "/voice": twiml(`${gather}<Redirect>/fell-through</Redirect>`), "/fell-through": DONE, "/act": DONE },
    options,
  );
  const call = parts.cloud.placeCall({ to: TO, from: FROM, voiceUrl: `${parts.ivr.url}/voice` });
  await parts.cloud.waitFor(isEntry("gather.started", call.sid));
  return { ...parts, call };
}

test("[V3] a gather without input falls through to the next verb", async () => {
  const { ivr, call, cloud } = await gathering('<Gather action="/act" timeout="2"/>');
  await call.ended;
  expect(ivr.visits.map(({ path }) => path)).toEqual(["/voice", "/fell-through"]);
  expect(cloud.ledger.entries.filter(isEntry("gather.finished"))).toMatchObject([{ digits: "", because: "timeout" }]);
});

test("[V3] actionOnEmptyResult posts the action without digits", async () => {
  const { ivr, call } = await gathering('<Gather action="/act" timeout="2" actionOnEmptyResult="true"/>');
  await call.ended;
  expect(ivr.visits[1]).toMatchObject({ path: "/act", form: { Digits: "" }, signatureValid: true });
});

test("[V3] the finishing key ends the input and is not part of it", async () => {
  const { ivr, call } = await gathering('<Gather action="/act" timeout="60" numDigits="9"/>', { timeScale: 1 });
  expect(call.pressDigits("123#45")).toBe(4);
  await call.ended;
  expect(ivr.visits[1]).toMatchObject({ path: "/act", form: { Digits: "123" } });
});

test("[V3] the finishing key alone is no input", async () => {
  const { ivr, call } = await gathering('<Gather action="/act" timeout="60" finishOnKey="*"/>', { timeScale: 1 });
  call.pressDigits("*");
  await call.ended;
  expect(ivr.visits[1]).toMatchObject({ path: "/fell-through" });
});

test("[V3] an empty finishOnKey makes # a digit", async () => {
  const { ivr, call } = await gathering('<Gather action="/act" timeout="60" finishOnKey="" numDigits="2"/>', {
    timeScale: 1,
  });
  call.pressDigits("#1");
  await call.ended;
  expect(ivr.visits[1]).toMatchObject({ path: "/act", form: { Digits: "#1" } });
});

test("[V3] the time-out runs anew from every key, and what was pressed by then is posted", async () => {
  const { ivr, call, cloud } = await gathering('<Gather action="/act" timeout="30"/>');
  call.pressDigits("4");
  await call.ended;
  expect(ivr.visits[1]).toMatchObject({ path: "/act", form: { Digits: "4" } });
  const [pressed] = cloud.ledger.entries.filter(isEntry("digits.pressed"));
  const [finished] = cloud.ledger.entries.filter(isEntry("gather.finished"));
  expect(finished!.monotonicMs - pressed!.monotonicMs).toBeGreaterThan(290);
});

test("[V3] the time-out begins when the prompts are over", async () => {
  const { call, cloud } = await gathering('<Gather timeout="1"><Pause length="20"/></Gather>');
  await call.ended;
  const [started] = cloud.ledger.entries.filter(isEntry("gather.started"));
  const [finished] = cloud.ledger.entries.filter(isEntry("gather.finished"));
  expect(finished!.monotonicMs - started!.monotonicMs).toBeGreaterThan(205);
});

test("[V3] a gather without an action posts to its own document, by its method", async () => {
  const { cloud, ivr } = await cloudAndIvr(
    {
      "/self": ({ method }) => (method === "GET" ? DONE : twiml('<Gather numDigits="1" method="GET" timeout="60"/>')),
    },
    { timeScale: 1 },
  );
  const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/self?a=1` });
  await call.pressDigitsWhenAsked("7");
  await call.ended;
  expect(ivr.visits[1]).toMatchObject({
    method: "GET",
    path: "/self",
    query: { a: "1", Digits: "7", CallSid: call.sid },
    signatureValid: true,
  });
});

test("[V3] keys that no gather hears are lost", async () => {
  const { cloud, ivr } = await cloudAndIvr({ "/voice": twiml('<Pause length="60"/>') }, { timeScale: 1 });
  const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` });
  await cloud.waitFor(isEntry("verb.started", call.sid));
  expect(call.pressDigits("1")).toBe(0);
});

test.each(["", "a", "1 2", "12w", "١", "1".repeat(65), "+1"])("[V3] %j are no keys", async (attacker) => {
  const { cloud, ivr } = await cloudAndIvr({ "/voice": twiml('<Pause length="60"/>') }, { timeScale: 1 });
  const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` });
  expect(() => call.pressDigits(attacker)).toThrow(expect.objectContaining({ code: "invalid_request" }));
});

test("[V7] a caller who hangs up ends the call at once, whatever plays", async () => {
  const { cloud, ivr } = await cloudAndIvr({ "/voice": twiml('<Pause length="3600"/>') }, { timeScale: 1 });
  const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` });
  await cloud.waitFor(isEntry("verb.started", call.sid));
  call.hangUp();
  expect(await call.ended).toMatchObject({ status: "completed", reason: "caller_hung_up" });
  call.hangUp();
  expect(cloud.ledger.entries.filter(isEntry("call.ended"))).toHaveLength(1);
  expect(() => call.pressDigits("1")).toThrow(expect.objectContaining({ code: "call_ended" }));
});

test("[V7] a rejected call was never answered", async () => {
  const { cloud, ivr } = await cloudAndIvr({ "/voice": twiml('<Reject reason="busy"/>') });
  const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` });
  expect(await call.ended).toEqual({ status: "busy", reason: "rejected", durationMs: 0 });
});

test("[V7] a call that redirects in circles ends", async () => {
  const { cloud, ivr } = await cloudAndIvr({ "/voice": twiml("<Redirect/>") });
  const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` });
  expect(await call.ended).toMatchObject({ reason: "runaway" });
  expect(ivr.visits).toHaveLength(1000);
});

test("[V2] a caller who withholds the number is `anonymous`", async () => {
  const { cloud, ivr } = await cloudAndIvr({ "/voice": DONE });
  await cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` }).ended;
  expect(ivr.visits[0]).toMatchObject({ form: { From: "anonymous", Caller: "anonymous" }, signatureValid: true });
  expect(ivr.visits[0]?.form).not.toHaveProperty("StirVerstat");
});

test("[V5] a verb that the sandbox does not play is recorded and stepped over", async () => {
  const { cloud, ivr } = await cloudAndIvr({ "/voice": twiml("<Dial>+15550001111</Dial><Bogus/><Say>after</Say>") });
  const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` });
  await call.ended;
  expect(cloud.ledger.entries.filter(isEntry("verb.started")).map(({ verb }) => verb)).toEqual(["Dial", "Say"]);
  expect(cloud.ledger.entries.filter(isEntry("twiml.warning"))).toMatchObject([{ code: 12200 }]);
});
