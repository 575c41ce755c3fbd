import { expect, test } from "vitest";
import { enrolDevice } from "../support/enrol-device.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { send } from "../support/send.ts";
import { testTenant, twilioAccount } from "../support/test-tenants.ts";
import {
  authToken,
  callFields,
  type Fields,
  newCallSid,
  promptOf,
  twimlOf,
  type WebhookAnswer,
  webhook,
} from "./webhook.ts";

const fixture = useGateways();

async function startedCall(deployment: Deployment) {
  const callSid = newCallSid();
  const answer = await webhook(deployment.gateway, "start", callFields(callSid));
  return { callSid, ...promptOf(deployment.gateway, answer) };
}

async function endingsOf(deployment: Deployment) {
  const { events } = await deployment.core.events.list({ tenant: "acme", after: undefined, limit: 1000 });
  return events.filter(({ type }) => type === "call_ended");
}

function expectNothingToPlay(answer: WebhookAnswer) {
  expect(twimlOf(answer).verbs).toEqual([]);
}

test.each(["completed", "busy", "failed", "no-answer", "canceled"])(
  "[T11] the status %s marks the hang-up once, with its duration",
  async (CallStatus) => {
    const deployment = await fixture.start();
    const { callSid, code } = await startedCall(deployment);
    const ended = callFields(callSid, { CallStatus, CallDuration: "92" });
    for (let repeat = 0; repeat < 3; repeat += 1) {
      expectNothingToPlay(await webhook(deployment.gateway, "status", ended));
    }
    expect(await endingsOf(deployment)).toMatchObject([
      { callId: callSid, durationSeconds: 92, disposition: CallStatus },
    ]);
    const path = `GET /scramble/caller/v1/calls/twilio/${callSid}`;
    const read = await send(deployment.gateway, path, { key: deployment.keys.sessions });
    expect(read.body).toMatchObject({ status: "pending", callEndedAt: expect.any(String) });
    const device = await enrolDevice(deployment);
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    expect(await socket.ask("claim", { did: code })).toMatchObject({ ok: false, code: "expired" });
  },
);

test("[T11] callbacks in any order end the call at the first that says so", async () => {
  const deployment = await fixture.start();
  const { callSid } = await startedCall(deployment);
  const say = (CallStatus: string, fields: Fields = {}) =>
    webhook(deployment.gateway, "status", callFields(callSid, { CallStatus, ...fields }));
  for (const status of ["queued", "initiated", "ringing", "in-progress"]) expectNothingToPlay(await say(status));
  expect(await endingsOf(deployment)).toEqual([]);
  expectNothingToPlay(await say("completed", { CallDuration: "5" }));
  for (const status of ["in-progress", "ringing", "failed"]) expectNothingToPlay(await say(status));
  expect(await endingsOf(deployment)).toMatchObject([{ disposition: "completed", durationSeconds: 5 }]);
});

test.each<[string, Fields]>([
  ["no CallStatus", { CallStatus: undefined }],
  ["a status that is none", { CallStatus: "exploded" }],
  ["two statuses", { CallStatus: ["completed", "failed"] }],
  ["a prototype key for a status", { CallStatus: "__proto__" }],
  ["no CallSid", { CallSid: undefined, CallStatus: "completed" }],
  ["two CallSids", { CallSid: [newCallSid(), newCallSid()], CallStatus: "completed" }],
  ["a call without a session", { CallSid: newCallSid(), CallStatus: "completed" }],
])("[T11] %s marks nothing", async (_what, fields) => {
  const deployment = await fixture.start();
  const { callSid } = await startedCall(deployment);
  const attacker = callFields(callSid, fields);
  expectNothingToPlay(await webhook(deployment.gateway, "status", attacker));
  expect(await endingsOf(deployment)).toEqual([]);
});

test.each(["", "-1", "1e3", "NaN", "99999999", "12.5", " 5"])(
  "[T11] a duration of %j is left out, and the call still ends",
  async (attacker) => {
    const deployment = await fixture.start();
    const { callSid } = await startedCall(deployment);
    const fields = callFields(callSid, { CallStatus: "completed", CallDuration: attacker });
    expectNothingToPlay(await webhook(deployment.gateway, "status", fields));
    const [ending] = await endingsOf(deployment);
    expect(ending).toMatchObject({ callId: callSid, disposition: "completed" });
    expect(ending).not.toHaveProperty("durationSeconds");
  },
);

test("[T11] another tenant's callback for the same CallSid ends nothing", async () => {
  const accountSid = `AC${"b2".repeat(16)}`;
  const providers = { twilio: { mode: "none" as const, accountSid, authTokens: [authToken] } };
  const deployment = await fixture.start({ tenants: [testTenant(), testTenant({ id: "globex", providers })] });
  const { callSid } = await startedCall(deployment);
  const attacker = callFields(callSid, { AccountSid: accountSid, CallStatus: "completed" });
  expectNothingToPlay(await webhook(deployment.gateway, "status", attacker));
  expect(await endingsOf(deployment)).toEqual([]);
  const own = callFields(callSid, { AccountSid: twilioAccount, CallStatus: "completed" });
  expectNothingToPlay(await webhook(deployment.gateway, "status", own));
  expect(await endingsOf(deployment)).toHaveLength(1);
});
