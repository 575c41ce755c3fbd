import {
  connectDevice,
  type DeviceConnection,
  enrol,
  type KeyStore,
  memoryKeyStore,
} from "../../client-sdk/src/device/index.ts";
import { nextEvent } from "../client-sdk/next-event.ts";
import { activationCode, enrolDevice } from "../support/enrol-device.ts";
import type { Deployment, GatewayFixture } from "../support/gateway.ts";
import { startWorkerOf } from "../support/live-deployment.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { newCallId, openSession, postSession } from "../support/open-session.ts";
import { waitForPolls } from "../support/read-metric.ts";
import { send } from "../support/send.ts";
import { type Outage, startRedisProxy } from "../support/start-redis-proxy.ts";
import { testTenant, twilioAccount } from "../support/test-tenants.ts";
import { waitFor } from "../support/wait-for.ts";
import { authToken, callFields, newCallSid, redirectOf, type WebhookAnswer, webhook } from "../twilio/webhook.ts";
import { answerWith, startTarget, type Target } from "../worker/delivery/start-target.ts";

export interface OutageCase {
  kind: Outage;
  durationMs: number;
}

const secret = `whsec_${Buffer.from("a-secret-of-at-least-24-bytes").toString("base64")}`;
const successUrl = "https://ivr.acme.test/verified?flow=7";
const failureUrl = "https://ivr.acme.test/unverified?flow=7";
const openAccount = `AC${"b2".repeat(16)}`;

/** A tenant whose intercepts go to the target, and whose hosted flow has this policy when nothing can be verified. */
function outageTenant(id: string, degraded: "fail-closed" | "fail-open", target: Target) {
  const accountSid = id === "acme" ? twilioAccount : openAccount;
  const twilio = { mode: "none" as const, accountSid, authTokens: [authToken], successUrl, failureUrl };
  const generic = { mode: "webhook" as const, url: target.url, secrets: [secret], waitCapSeconds: 55 };
  return testTenant({ id, policy: { degraded }, providers: { twilio, generic } });
}

/** A gateway and a worker whose only way to Redis leads through a proxy. */
async function startBehindProxy(fixture: GatewayFixture) {
  const target = await startTarget(answerWith(204));
  fixture.closeAfter(target.close);
  const proxy = await startRedisProxy(fixture.core.url);
  fixture.closeAfter(() => proxy.close());
  const tenants = [outageTenant("acme", "fail-closed", target), outageTenant("open", "fail-open", target)];
  const deployment = await fixture.start({ tenants, redisUrl: proxy.url, allowErrors: true });
  await startWorkerOf(fixture, deployment);
  return { deployment, proxy, target };
}

async function enrolledApp(deployment: Deployment): Promise<KeyStore> {
  const { code } = await activationCode(deployment);
  const keyStore = memoryKeyStore();
  const { baseUrl: gatewayUrl } = deployment.gateway;
  const about = { name: "n", platform: "p", audience: deployment.publicUrl };
  await enrol({ gatewayUrl, activationCode: code, keyStore, ...about });
  return keyStore;
}

async function connectApp(fixture: GatewayFixture, keyStore: KeyStore): Promise<DeviceConnection> {
  const app = await connectDevice({ keyStore, reconnect: { capMs: 500 } });
  fixture.closeAfter(() => app.close());
  return app;
}

export interface Timed<T> {
  value: T;
  ms: number;
}

async function timed<T>(work: Promise<T>): Promise<Timed<T>> {
  const since = performance.now();
  const value = await work;
  return { value, ms: performance.now() - since };
}

/** Where the hosted flow leads a caller: `prompt` when it can verify. */
function ledTo(answer: WebhookAnswer): string {
  const target = redirectOf(answer) ?? "nowhere";
  return target.includes("/ivr/verify/wait") ? "prompt" : target;
}

async function startHosted({ gateway }: Deployment, call: { callSid: string; accountSid: string }): Promise<string> {
  return ledTo(await webhook(gateway, "start", callFields(call.callSid, { AccountSid: call.accountSid })));
}

/** A pending session with a poll that waits for it, and a proof that would confirm it. */
async function openClaimed(deployment: Deployment, phone: Phone) {
  const session = await openSession(deployment);
  const { did } = session;
  const { challenge } = await phone.socket.ask("claim", { did });
  const proof = phone.device.proof(challenge!, { did });
  const poll = session.get("?wait=55");
  return { session, poll, confirm: () => phone.socket.ask("confirm", { proof }) };
}

async function openPhone(fixture: GatewayFixture, deployment: Deployment) {
  const device = await enrolDevice(deployment);
  return { device, socket: await openDeviceSocket(fixture, deployment.gateway, device) };
}
type Phone = Awaited<ReturnType<typeof openPhone>>;

/** A deployment behind its proxy, an app by the SDK and a phone that speaks the wire itself. */
async function openPlace(fixture: GatewayFixture) {
  const place = await startBehindProxy(fixture);
  const app = await connectApp(fixture, await enrolledApp(place.deployment));
  await nextEvent(app, "connected");
  return { ...place, fixture, app, phone: await openPhone(fixture, place.deployment) };
}
type Place = Awaited<ReturnType<typeof openPlace>>;

/** Everything that waits when an outage begins: three polls, an app that is about to confirm, a caller who hears a code. */
async function openBefore(place: Place) {
  const { deployment, app, phone } = place;
  const session = await openSession(deployment);
  const challenge = await app.claim(session.did);
  const byApp = { session, poll: session.get("?wait=55"), confirm: () => app.confirm(challenge, { did: session.did }) };
  const [meanwhile, afterwards] = [await openClaimed(deployment, phone), await openClaimed(deployment, phone)];
  const hangingUp = newCallSid();
  await startHosted(deployment, { callSid: hangingUp, accountSid: twilioAccount });
  await waitForPolls(deployment, 3);
  const hosted = {
    closed: { callSid: newCallSid(), accountSid: twilioAccount },
    open: { callSid: newCallSid(), accountSid: openAccount },
  };
  const lateKeys = await enrolledApp(deployment);
  return { ...place, byApp, meanwhile, afterwards, hangingUp, hosted, lateKeys, newCall: { callId: newCallId() } };
}
type Before = Awaited<ReturnType<typeof openBefore>>;

/** One request to each door that needs Redis; resolves when all of them are answered. */
async function askDuring({ deployment, meanwhile, afterwards, hangingUp, hosted, newCall }: Before) {
  const hungUp = callFields(hangingUp, { CallStatus: "completed" });
  const [confirm, create, read, status, closed, open] = await Promise.all([
    timed(meanwhile.confirm()),
    timed(postSession(deployment, newCall)),
    timed(afterwards.session.get()),
    timed(webhook(deployment.gateway, "status", hungUp)),
    timed(startHosted(deployment, hosted.closed)),
    timed(startHosted(deployment, hosted.open)),
  ]);
  return { confirm, create, read, status, hosted: { closed, open } };
}
type During = Awaited<ReturnType<typeof askDuring>>;

/** Does everything again that was refused, and a whole verification that is new. */
async function goOnAfter(before: Before) {
  const { deployment, target, phone, byApp, meanwhile, afterwards, newCall } = before;
  for (const { confirm } of [meanwhile, afterwards]) {
    const isConfirmed = async () => (await confirm()).ok;
    await waitFor("the same proof succeeds", isConfirmed, { withinMs: 20_000, everyMs: 50 });
  }
  const createdAgain = await postSession(deployment, newCall);
  const fresh = await openClaimed(deployment, phone);
  const freshAck = await fresh.confirm();
  const sessions = [byApp, meanwhile, afterwards, fresh];
  const polls = await Promise.all(sessions.map(({ poll }) => poll));
  const isMoved = ({ session }: (typeof sessions)[number]) =>
    target.requests.some(({ body }) => body.includes(`"${session.sessionId}"`));
  await waitFor("every confirmed call is moved", () => sessions.every(isMoved), { withinMs: 20_000 });
  return { createdAgain: createdAgain.status, freshAck, polls: polls.map(({ body }) => body.status) };
}

/** Waits until the uses of the degraded policies and the hang-up are events. */
async function recordedAfter({ deployment, hangingUp, hosted }: Before, during: During): Promise<void> {
  const uses = (["closed", "open"] as const).filter((policy) => during.hosted[policy].value !== "prompt");
  const listed = async (tenant: string) =>
    (await deployment.core.events.list({ tenant, after: undefined, limit: 1000 })).events;
  const isRecorded = async () => {
    const events = [...(await listed("acme")), ...(await listed("open"))];
    const found = (type: string, call: string) =>
      events.filter((event) => event.type === type && event.callId === call);
    const isUseKnown = (policy: keyof typeof hosted) => found("degraded", hosted[policy].callSid).length > 0;
    return uses.every(isUseKnown) && found("call_ended", hangingUp).length === 1;
  };
  await waitFor("what happened meanwhile is recorded", isRecorded, { withinMs: 15_000, everyMs: 100 });
}

/** What callers, apps and IVRs saw of one outage; `…AfterMs` counts from when the way was restored. */
export type Observed = Awaited<ReturnType<typeof observeOutage>>;

/** Lives through one outage: what was open before it, requests of every kind during it, and everything after it. */
async function observeOutage(place: Place, { kind, durationMs }: OutageCase) {
  const before = await openBefore(place);
  const { deployment, proxy, byApp, lateKeys } = before;
  const [cutsBefore, struckBefore] = [proxy.cuts, proxy.struck];
  const outage = proxy.outage(kind, durationMs);
  const confirming = byApp.confirm();
  const arriving = connectApp(place.fixture, lateKeys).then((app) => nextEvent(app, "connected"));
  const asking = askDuring(before);
  await outage;
  const restoredAt = performance.now();
  const sinceRestored = () => Math.round(performance.now() - restoredAt);
  const [cuts, struck] = [proxy.cuts - cutsBefore, proxy.struck - struckBefore];
  const during = await asking;
  const isReady = async () => (await send(deployment.gateway, "GET /readyz")).status === 200;
  await waitFor("the gateway is ready again", isReady, { withinMs: 20_000, everyMs: 25 });
  const readyAfterMs = sinceRestored();
  const after = await goOnAfter(before);
  const { status: confirmedByApp } = await confirming;
  await arriving;
  const worksAfterMs = sinceRestored();
  await recordedAfter(before, during);
  return { cuts, struck, during, ...after, confirmedByApp, readyAfterMs, worksAfterMs };
}

/** Outages of one deployment, one after the other. */
export async function observeOutages(fixture: GatewayFixture, outages: readonly OutageCase[]) {
  const place = await openPlace(fixture);
  const observed: { outage: OutageCase; seen: Observed }[] = [];
  for (const outage of outages) observed.push({ outage, seen: await observeOutage(place, outage) });
  return observed;
}
