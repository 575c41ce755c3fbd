import { expect, test } from "vitest";
import { connectDevice, enrol, memoryKeyStore } from "../../client-sdk/src/device/index.ts";
import { createReceiptVerifier } from "../../client-sdk/src/ivr/index.ts";
import { isEntry } from "../../sandbox/ledger/ledger-entry.ts";
import { nextEvent } from "../client-sdk/next-event.ts";
import { startIssuer } from "../console/start-issuer.ts";
import { handshakeRefusal } from "../device/forge.ts";
import { activationCode, enrolDevice, nowSeconds } from "../support/enrol-device.ts";
import { freePort } from "../support/free-port.ts";
import { type TestGateway, useGateways } from "../support/gateway.ts";
import { type LiveDeployment, startLiveDeployment } from "../support/live-deployment.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession, postSession } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import type { SpawnedProcess } from "../support/spawn-process.ts";
import { testTenant } from "../support/test-tenants.ts";
import { eventsOf } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useGateways();
const fiveMinutesMs = 300_000;
const ttlSeconds = 10;
/** A tenant whose codes live as briefly as they may. */
const brief = testTenant({ id: "brief", policy: { ttlSeconds }, limits: { sessionsPerMinutePerAni: 1 } });

interface WrongGateway {
  /** The deployment as it is seen at this gateway. */
  at: LiveDeployment;
  gateway: TestGateway & SpawnedProcess;
  offsetMs: number;
}

/** Two gateways whose clocks are ten minutes apart, and two workers like them. The test's own clock is right. */
async function startWrongClocks() {
  const issuer = await startIssuer(fixture);
  const live = await startLiveDeployment(fixture, {
    gateways: 0,
    tenant: {
      oidc: { issuer: issuer.issuer, audience: "agents", jwksUrl: issuer.jwksUrl },
    },
    others: [brief],
  });
  const start = async (clockOffsetMs: number): Promise<WrongGateway> => {
    const port = await freePort();
    const publicUrl = `http://127.0.0.1:${port}`;
    const environment = { PORT: String(port), CALLSEAL_PUBLIC_URL: publicUrl };
    const gateway = await live.spawnGateway({ clockOffsetMs, environment });
    return { at: { ...live, publicUrl, gateway, gateways: [gateway] }, gateway, offsetMs: clockOffsetMs };
  };
  // A worker without a public URL sends calls to the gateway that created their session.
  const startWorker = (clockOffsetMs: number) =>
    live.spawnWorker({ clockOffsetMs, environment: { CALLSEAL_PUBLIC_URL: "" } });
  const offsets = [fiveMinutesMs, -fiveMinutesMs];
  const [gateways] = await Promise.all([Promise.all(offsets.map(start)), Promise.all(offsets.map(startWorker))]);
  return { live, issuer, gateways };
}

type WrongClocks = Awaited<ReturnType<typeof startWrongClocks>>;
type Check = (wrong: WrongGateway, clocks: WrongClocks) => Promise<void>;

const aboutNow = (seconds: number) => Math.abs(seconds - nowSeconds()) < 30;

const clocksAreWrong: Check = async ({ gateway, offsetMs }) => {
  const wrongMs = Date.parse(String(gateway.lines[0]!["time"])) - Date.now();
  expect(Math.abs(wrongMs - offsetMs)).toBeLessThan(60_000);
};

/** The whole way: enrolment, the hosted flow, the app, the move, the receipt. */
const aCallerIsVerified: Check = async ({ at }) => {
  const { code, subjectId } = await activationCode(at);
  const keyStore = memoryKeyStore();
  await enrol({ gatewayUrl: at.publicUrl, activationCode: code, keyStore, name: "n", platform: "p" });
  const app = await connectDevice({ keyStore });
  fixture.closeAfter(() => app.close());
  await nextEvent(app, "connected");
  const call = at.placeCall(at.publicUrl);
  const did = await at.heardCode(call);
  const challenge = await app.claim(did);
  const { sessionId } = challenge;
  const confirmation = await app.confirm(challenge, { did, call: "outgoing" });
  expect(aboutNow(Date.parse(confirmation.confirmedAt) / 1000)).toBe(true);
  await at.cloud.waitFor(isEntry("ivr.visited", call.sid));
  const path = `GET /scramble/caller/v1/calls/twilio/${call.sid}`;
  const { body } = await send(at.gateway, path, { key: at.keys.sessions });
  expect(body).toMatchObject({ sessionId, status: "confirmed", intercept: { status: "succeeded", attempts: 1 } });
  const verify = createReceiptVerifier({ jwksUrl: `${at.publicUrl}/.well-known/jwks.json` });
  const receipt = await verify(body.receipt, { tenant: "acme", issuer: at.publicUrl, expected: { sessionId } });
  expect(aboutNow(receipt.iat)).toBe(true);
  expect(receipt.exp - receipt.iat).toBe(600);
  const listing = `GET /admin/v1/subjects/${subjectId}/devices`;
  const { body: listed } = await send(at.gateway, listing, { key: at.keys.admin });
  const [device] = listed["devices"] as { createdAt: string; lastSeenAt: string }[];
  for (const time of [device!.createdAt, device!.lastSeenAt]) expect(aboutNow(Date.parse(time) / 1000)).toBe(true);
};

const tokensAndProofsAreJudgedRightly: Check = async ({ at, gateway }) => {
  const device = await enrolDevice(at);
  const now = nowSeconds();
  const over = { iat: now - 90, exp: now - 31 };
  const early = { iat: now + 120, exp: now + 180 };
  for (const times of [over, early]) {
    const opening = openDeviceSocket(fixture, gateway, device, { token: device.token(times) });
    expect(await handshakeRefusal(opening)).toMatchObject({ code: "unauthenticated" });
  }
  const socket = await openDeviceSocket(fixture, gateway, device);
  const { did } = await openSession(at);
  const { challenge } = await socket.ask("claim", { did });
  const codes: string[] = [];
  for (const times of [over, early, {}]) {
    const proof = device.proof(challenge!, { did, ...times });
    codes.push((await socket.ask("confirm", { proof })).code ?? "confirmed");
  }
  expect(codes).toEqual(["expired", "invalid_proof", "confirmed"]);
};

const agentsSignIn: Check = async ({ at, gateway }, { issuer }) => {
  const now = nowSeconds();
  const open = async (claims: { iat?: number; exp: number }) => {
    const token = await issuer.token(claims);
    return await openDeviceSocket(fixture, gateway, undefined, { namespace: "/console", token });
  };
  expect(await handshakeRefusal(open({ iat: now - 120, exp: now - 60 }))).toMatchObject({ code: "unauthenticated" });
  const agent = await open({ exp: now + 60 });
  const { sessionId } = await openSession(at);
  expect(await agent.ask("watch", { sessionId })).toMatchObject({ ok: true, status: "pending" });
};

const timeRunsOutInRealSeconds: Check = async ({ at, offsetMs }) => {
  const there = { ...at, keys: brief.keys };
  const ani = offsetMs > 0 ? "+14155550177" : "+14155550178";
  const startedAt = performance.now();
  const session = await openSession(there, { ani });
  const polling = session.get("?wait=30");
  const limited = await postSession(there, { ani });
  expect(limited).toMatchObject({ status: 429, body: { code: "rate_limited" } });
  const retryAfterSeconds = Number(limited.headers["retry-after"]);
  expect(retryAfterSeconds).toBeGreaterThan(0);
  expect(retryAfterSeconds).toBeLessThanOrEqual(60);
  const expiresAtMs = Date.parse(session.created.body.expiresAt);
  expect(aboutNow(expiresAtMs / 1000 - ttlSeconds)).toBe(true);
  expect((await polling).body.status).toBe("timeout");
  const afterMs = performance.now() - startedAt;
  expect(afterMs).toBeGreaterThan(ttlSeconds * 1000 - 100);
  expect(afterMs).toBeLessThan(ttlSeconds * 1000 + 3000);
  const event = await waitFor("the timeout is recorded", async () =>
    (await eventsOf(at.core, session.sessionId)).find(({ type }) => type === "timeout"),
  );
  const lateMs = Number(event["time"]) - expiresAtMs;
  expect(lateMs).toBeGreaterThanOrEqual(0);
  expect(lateMs).toBeLessThan(5000);
};

test("[C62] two gateways whose clocks are ten minutes apart, and workers like them, verify, refuse, expire and limit as the clock of Redis says", async () => {
  const clocks = await startWrongClocks();
  const checks = [
    clocksAreWrong,
    aCallerIsVerified,
    tokensAndProofsAreJudgedRightly,
    agentsSignIn,
    timeRunsOutInRealSeconds,
  ];
  await Promise.all(clocks.gateways.flatMap((wrong) => checks.map((check) => check(wrong, clocks))));
}, 90_000);
