import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../../core/config/config.ts";
import { createLogger } from "../../core/logging/create-logger.ts";
import { isEntry, type LedgerEntry } from "../../sandbox/ledger/ledger-entry.ts";
import { startVoiceCloud, type VoiceCloud, type VoiceCloudOptions } from "../../sandbox/voice-cloud.ts";
import { startWorker } from "../../worker/start-worker.ts";
import { enrolDevice } from "../support/enrol-device.ts";
import { freePort } from "../support/free-port.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { testSecret } from "../support/open-core.ts";
import { confirmByDid, openDeviceSocket } from "../support/open-device-socket.ts";
import { send } from "../support/send.ts";
import { type TestTenant, testTenant } from "../support/test-tenants.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useGateways();
const from = "+14155550123";
const to = "+18005551234";

/** A gateway at an address that the voice cloud can call, the cloud, and a tenant whose pages are the cloud's own. */
async function startPlace(options: VoiceCloudOptions & { bare?: boolean; worker?: boolean; policy?: object } = {}) {
  const cloud = await startVoiceCloud({ timeScale: 0.01, ...options });
  fixture.closeAfter(() => cloud.close());
  const { accountSid, authToken } = cloud.accounts[0]!;
  const urls = {
    successUrl: `${cloud.url}/sandbox/ivr/verified?flow=7`,
    failureUrl: `${cloud.url}/sandbox/ivr/unverified`,
  };
  const direct = { mode: "direct" as const, apiBaseUrl: cloud.url };
  const twilio = {
    ...(options.worker ? direct : { mode: "none" as const }),
    accountSid,
    authTokens: [authToken],
    ...(options.bare ? {} : urls),
  };
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  const tenant = testTenant({ providers: { twilio }, policy: { maxRetries: 10, ...options.policy } });
  const started = await fixture.start({
    tenants: [tenant],
    environment: { PORT: String(port), CALLSEAL_PUBLIC_URL: publicUrl },
  });
  started.secrets.add(authToken, from);
  if (options.worker) await startInterceptWorker(started, tenant);
  return { cloud, deployment: { ...started, publicUrl } };
}

/** A worker of the same deployment, over connections of its own; its log is held to the same rules as a gateway's. */
async function startInterceptWorker(deployment: Deployment, tenant: TestTenant) {
  const folder = await mkdtemp(join(tmpdir(), "callseal-worker-"));
  fixture.closeAfter(() => rm(folder, { recursive: true }));
  const file = join(folder, "tenants.json");
  await writeFile(file, JSON.stringify({ tenants: [tenant.input] }));
  const config = loadConfig({
    NODE_ENV: "test",
    PORT: "0",
    HOST: "127.0.0.1",
    CALLSEAL_CONFIG: file,
    CALLSEAL_SECRET: testSecret,
    CALLSEAL_REDIS_PREFIX: deployment.prefix,
  });
  const destination = { write: (line: string) => void deployment.lines.push(line) };
  const logger = createLogger({ level: "debug", process: "worker", destination });
  const worker = await startWorker({ ...config, REDIS_URL: fixture.core.url }, logger);
  fixture.closeAfter(() => worker.close());
}

function placeCall({ cloud, deployment }: { cloud: VoiceCloud; deployment: Deployment }, caller?: string) {
  return cloud.placeCall({
    to,
    ...(caller === undefined ? {} : { from: caller }),
    voiceUrl: `${deployment.publicUrl}/ivr/verify/start`,
    statusCallback: `${deployment.publicUrl}/ivr/verify/status`,
    statusCallbackEvents: ["initiated", "ringing", "answered", "completed"],
  });
}

/** What the caller hears, and then types into the app. */
async function heardCode(cloud: VoiceCloud, deployment: Deployment, sid: string): Promise<string> {
  const call = cloud.call(sid)!;
  const code = await waitFor("a code is heard", () => call.spokenCode);
  deployment.secrets.add(code);
  return code;
}

const visits = (cloud: VoiceCloud) => cloud.ledger.entries.filter(isEntry("ivr.visited"));

async function statusOf(deployment: Deployment, callSid: string) {
  const path = `GET /scramble/caller/v1/calls/twilio/${callSid}`;
  return (await send(deployment.gateway, path, { key: deployment.keys.sessions })).body;
}

test.each([[from], ["anonymous"], ["+266696687"]])(
  "[T7] a caller (%s) hears a code, confirms it in the app, and the next turn leads to success by itself",
  async (caller) => {
    const place = await startPlace();
    const { cloud, deployment } = place;
    const device = await enrolDevice(deployment);
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    const call = placeCall(place, caller);
    const code = await heardCode(cloud, deployment, call.sid);
    expect(await confirmByDid(socket, device, code)).toMatchObject({ ok: true, status: "confirmed" });
    expect(await call.ended).toMatchObject({ status: "completed", reason: "hangup_verb" });
    expect(visits(cloud)).toMatchObject([
      { page: "verified", callSid: call.sid, parameters: ["flow", "sid", "receipt"] },
    ]);
    expect(call.transcript.at(-1)?.text).toContain("you are verified");
    const status = await statusOf(deployment, call.sid);
    expect(status).toMatchObject({ status: "confirmed", sessionId: visits(cloud)[0]?.sid });
    expect(cloud.ledger.entries.filter(isEntry("call.error"))).toEqual([]);
    expect(cloud.ledger.entries.filter(isEntry("twiml.warning"))).toEqual([]);
  },
);

test("[T7] a caller who presses 1 while the app confirms is not read the code again", async () => {
  const place = await startPlace({ timeScale: 0.05 });
  const { cloud, deployment } = place;
  const device = await enrolDevice(deployment);
  const socket = await openDeviceSocket(fixture, deployment.gateway, device);
  const call = placeCall(place, from);
  const code = await heardCode(cloud, deployment, call.sid);
  const { challenge } = await socket.ask("claim", { did: code });
  expect(await call.pressDigitsWhenAsked("1")).toBe(1);
  const isWait = (entry: LedgerEntry) => isEntry("webhook.sent", call.sid)(entry) && entry.purpose === "gather_action";
  await cloud.waitFor(isWait, { reason: "the wait" });
  expect(await socket.ask("confirm", { proof: device.proof(challenge!, { did: code }) })).toMatchObject({ ok: true });
  await call.ended;
  expect(visits(cloud)).toMatchObject([{ page: "verified" }]);
  expect(cloud.ledger.entries.filter(isEntry("gather.started", call.sid))).toHaveLength(1);
});

test("[T5] a caller who presses 0 is led to failure", async () => {
  const place = await startPlace();
  const { cloud, deployment } = place;
  const call = placeCall(place, from);
  await heardCode(cloud, deployment, call.sid);
  await call.pressDigitsWhenAsked("0");
  await call.ended;
  expect(visits(cloud)).toMatchObject([{ page: "unverified", parameters: ["sid", "reason"] }]);
  expect(await statusOf(deployment, call.sid)).toMatchObject({ status: "canceled" });
});

test("[T5] a caller who does nothing hears the code once more for each turn, and then failure", async () => {
  const place = await startPlace({ policy: { maxRetries: 2 } });
  const { cloud, deployment } = place;
  const call = placeCall(place, from);
  const code = await heardCode(cloud, deployment, call.sid);
  await call.ended;
  expect(cloud.ledger.entries.filter(isEntry("gather.started", call.sid))).toHaveLength(3);
  const spoken = call.transcript.filter(({ text }) => text.replaceAll(" ", "").includes(code));
  expect(spoken).toHaveLength(4);
  expect(visits(cloud)).toMatchObject([{ page: "unverified" }]);
  expect(await statusOf(deployment, call.sid)).toMatchObject({ status: "timeout" });
});

test("[T11] a caller who hangs up ends the call for the session, and a confirmation after it is late", async () => {
  const place = await startPlace({ timeScale: 1 });
  const { cloud, deployment } = place;
  const device = await enrolDevice(deployment);
  const socket = await openDeviceSocket(fixture, deployment.gateway, device);
  const call = placeCall(place, from);
  const code = await heardCode(cloud, deployment, call.sid);
  const { challenge } = await socket.ask("claim", { did: code });
  call.hangUp();
  const status = await waitFor("the hang-up arrives", async () => {
    const found = await statusOf(deployment, call.sid);
    return "callEndedAt" in found ? found : undefined;
  });
  expect(status).toMatchObject({ status: "pending" });
  const late = await socket.ask("confirm", { proof: device.proof(challenge!, { did: code }) });
  expect(late).toMatchObject({ ok: false, code: "late_confirmation" });
  const { events } = await deployment.core.events.list({ tenant: "acme", after: undefined, limit: 1000 });
  const ending = events.filter(({ type }) => type === "call_ended");
  expect(ending).toMatchObject([{ callId: call.sid, disposition: "completed", durationSeconds: expect.any(Number) }]);
});

test("[T10] without URLs of its tenant a caller is told the outcome, and the call ends there", async () => {
  const place = await startPlace({ bare: true });
  const { cloud, deployment } = place;
  const device = await enrolDevice(deployment);
  const socket = await openDeviceSocket(fixture, deployment.gateway, device);
  const verified = placeCall(place, from);
  await confirmByDid(socket, device, await heardCode(cloud, deployment, verified.sid));
  const canceled = placeCall(place, "+14155550199");
  await heardCode(cloud, deployment, canceled.sid);
  await canceled.pressDigitsWhenAsked("0");
  for (const call of [verified, canceled]) expect(await call.ended).toMatchObject({ reason: "hangup_verb" });
  expect(verified.transcript.map(({ text }) => text)).toContain("Thank you. You are verified.");
  expect(canceled.transcript.map(({ text }) => text)).toContain("The verification was canceled.");
});

test("[T3][T5] a cloud that repeats every webhook, and loses answers, still reads one code and reaches one end", async () => {
  const place = await startPlace();
  const { cloud, deployment } = place;
  const device = await enrolDevice(deployment);
  const socket = await openDeviceSocket(fixture, deployment.gateway, device);
  cloud.faults.add({ target: "webhook", kind: "duplicate", times: 3 });
  cloud.faults.add({ target: "webhook", kind: "drop", times: 1 });
  const call = placeCall(place, from);
  const code = await heardCode(cloud, deployment, call.sid);
  await confirmByDid(socket, device, code);
  await call.ended;
  expect(cloud.ledger.entries.filter(isEntry("fault.injected")).length).toBeGreaterThan(1);
  expect(visits(cloud).at(-1)).toMatchObject({ page: "verified" });
  const { events } = await deployment.core.events.list({ tenant: "acme", after: undefined, limit: 1000 });
  const types = events.map(({ type }) => type);
  expect(types.filter((type) => type === "session_created")).toHaveLength(1);
  expect(types.filter((type) => type === "confirmed")).toHaveLength(1);
});

test("[T8][T12] with a worker the call moves in mid-sentence, and the wait that Twilio still fetches changes nothing", async () => {
  const place = await startPlace({ worker: true, timeScale: 1, fetchInterruptedVerb: true });
  const { cloud, deployment } = place;
  const device = await enrolDevice(deployment);
  const socket = await openDeviceSocket(fixture, deployment.gateway, device);
  const call = placeCall(place, from);
  const code = await heardCode(cloud, deployment, call.sid);
  const confirmedAt = performance.now();
  expect(await confirmByDid(socket, device, code)).toMatchObject({ ok: true });
  const visit = await cloud.waitFor(isEntry("ivr.visited"), { reason: "the verified page" });
  expect(visit).toMatchObject({ page: "verified", callSid: call.sid });
  expect(visit.monotonicMs - confirmedAt).toBeLessThan(3000);
  expect(cloud.ledger.entries.filter(isEntry("call.updated"))).toMatchObject([{ interrupted: "Gather" }]);
  const fetched = cloud.ledger.entries.filter(isEntry("webhook.sent", call.sid)).map(({ purpose }) => purpose);
  expect(fetched).toEqual(expect.arrayContaining(["voice", "interrupted_verb", "call_update", "redirect"]));
  const settled = await waitFor("the intercept is settled", async () => {
    const found = await statusOf(deployment, call.sid);
    return (found["intercept"] as { status: string }).status === "pending" ? undefined : found;
  });
  expect(settled).toMatchObject({ status: "confirmed", intercept: { status: "succeeded", attempts: 1 } });
  call.hangUp();
  const { events } = await deployment.core.events.list({ tenant: "acme", after: undefined, limit: 1000 });
  expect(events.map(({ type }) => type)).not.toContain("loop_iteration");
  expect(events.filter(({ type }) => type === "intercept_success")).toHaveLength(1);
});
