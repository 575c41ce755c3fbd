import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  type ConnectDeviceOptions,
  connectDevice,
  type DeviceConnection,
  type EnrolOptions,
  enrol,
  memoryKeyStore,
} from "../../client-sdk/src/device/index.ts";
import { createReceiptVerifier, SessionsClient } from "../../client-sdk/src/ivr/index.ts";
import { dammCheckDigit } from "../../core/verification/damm.ts";
import { activationCode } from "../support/enrol-device.ts";
import { freePort } from "../support/free-port.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { send } from "../support/send.ts";
import { testTenant } from "../support/test-tenants.ts";
import { catchError } from "./catch-error.ts";
import { nextEvent } from "./next-event.ts";
import { startWire } from "./start-wire.ts";

const fixture = useGateways();
const ani = "+14155550123";

interface Options extends Partial<Pick<EnrolOptions, "algorithm" | "phone" | "userVerifyingKey">> {
  connection?: Partial<ConnectDeviceOptions>;
}

/** A device that was enrolled and connected by the SDK, at the deployment's first gateway. */
async function connected(deployment: Deployment, { connection, ...options }: Options = {}): Promise<DeviceConnection> {
  const { code } = await activationCode(deployment, { phones: options.phone ? [options.phone] : [] });
  const keyStore = memoryKeyStore();
  const { baseUrl: gatewayUrl } = deployment.gateway;
  const about = {
    gatewayUrl,
    audience: deployment.publicUrl,
    activationCode: code,
    keyStore,
    name: "n",
    platform: "p",
  };
  await enrol({ ...about, ...options });
  const device = await connectDevice({ keyStore, ...connection });
  fixture.closeAfter(() => device.close());
  await nextEvent(device, "connected");
  return device;
}

const clientAt = (deployment: Deployment, at = 0) =>
  new SessionsClient({ baseUrl: deployment.gateways[at]?.baseUrl ?? "", apiKey: deployment.keys.sessions });
const newCall = (fields: { ani?: string } = {}) => ({
  provider: "twilio" as const,
  callId: `CA${randomUUID()}`,
  ...fields,
});

async function spoken(deployment: Deployment, fields = {}) {
  const session = await clientAt(deployment).create(newCall(fields));
  const did = session.did ?? "";
  deployment.secrets.add(did);
  return { session, did };
}

describe.each(["ES256", "EdDSA"] as const)("with %s keys", (algorithm) => {
  test("[K34] a spoken code that is typed ends the wait at another gateway with a receipt that holds", async () => {
    const deployment = await fixture.start({ gateways: 2 });
    const device = await connected(deployment, { algorithm });
    const { session, did } = await spoken(deployment, { ani });
    const waiting = clientAt(deployment, 1).waitUntilTerminal(session.sessionId);
    const challenge = await device.claim(did);
    expect(challenge).toMatchObject({
      sessionId: session.sessionId,
      organisation: "Acme Bank",
      aniMatchesDevice: false,
    });
    const confirmation = await device.confirm(challenge, { did, call: "outgoing" });
    expect(confirmation).toMatchObject({ sessionId: session.sessionId, status: "confirmed" });
    const outcome = await waiting;
    expect(outcome).toMatchObject({ status: "confirmed", method: "did", deviceId: device.deviceId });
    const verify = createReceiptVerifier({ jwksUrl: `${deployment.gateway.baseUrl}/.well-known/jwks.json` });
    const receipt = await verify(outcome.receipt ?? "", {
      tenant: "acme",
      issuer: deployment.publicUrl,
      expected: { sessionId: session.sessionId, callId: session.callId, provider: "twilio" },
      minimumAcr: "urn:callseal:acr:code",
    });
    expect(receipt).toMatchObject({ zid: device.deviceId, mth: "did", gen: 1 });
  });

  test("[K34] the user-verifying key raises the receipt to the top of the ladder", async () => {
    const deployment = await fixture.start();
    const device = await connected(deployment, { algorithm, userVerifyingKey: true });
    const { session, did } = await spoken(deployment);
    await device.confirm(await device.claim(did), { did, uv: true });
    const outcome = await clientAt(deployment).get(session.sessionId);
    const verify = createReceiptVerifier({ jwksUrl: `${deployment.gateway.baseUrl}/.well-known/jwks.json` });
    const { acr, amr } = await verify(outcome.receipt ?? "", {
      tenant: "acme",
      minimumAcr: "urn:callseal:acr:code-mf",
    });
    expect([acr, amr]).toEqual(["urn:callseal:acr:code-mf", expect.arrayContaining(["mfa"])]);
  });
});

describe("[K34] a call from the device's own number", () => {
  test.each(["match", "code", "tap"] as const)("is offered, and confirmed by %s", async (push) => {
    const tenant = testTenant({ policy: { push } });
    const deployment = await fixture.start({ tenants: [tenant] });
    const device = await connected(deployment, { phone: ani });
    const offered = nextEvent(device, "offer");
    const { session, did } = await spoken(deployment, { ani });
    const offer = await offered;
    expect(offer).toMatchObject({ push, challenge: { sessionId: session.sessionId, aniMatchesDevice: true } });
    const answers = { match: { match: did.slice(-2) }, code: { did }, tap: {} };
    await device.confirm(offer.challenge, answers[push]);
    expect(await clientAt(deployment).get(session.sessionId)).toMatchObject({ status: "confirmed", method: "push" });
  });

  test("is denied, and the wait ends", async () => {
    const deployment = await fixture.start();
    const device = await connected(deployment, { phone: ani });
    const offered = nextEvent(device, "offer");
    const { session } = await spoken(deployment, { ani });
    const { challenge } = await offered;
    expect(await device.deny(challenge, { reason: "not_me" })).toEqual({
      sessionId: session.sessionId,
      status: "denied",
    });
    expect((await clientAt(deployment).waitUntilTerminal(session.sessionId)).status).toBe("denied");
  });

  test("is withdrawn when the caller hangs up on the code", async () => {
    const deployment = await fixture.start();
    const device = await connected(deployment, { phone: ani });
    const [offered, withdrawn] = [nextEvent(device, "offer"), nextEvent(device, "withdrawn")];
    const { session } = await spoken(deployment, { ani });
    await offered;
    await clientAt(deployment).cancel(session.sessionId);
    expect(await withdrawn).toEqual({ sessionId: session.sessionId, reason: "canceled" });
  });
});

describe("[K34] refusals", () => {
  test("a code that no call speaks is wrong_did; a mistyped one never leaves the device", async () => {
    const deployment = await fixture.start({ tenants: [testTenant({ policy: { didCheckDigit: true } })] });
    const device = await connected(deployment, { connection: { checkDigits: true } });
    const { did } = await spoken(deployment);
    const other = did.startsWith("1") ? "20000" : "10000";
    expect((await catchError(device.claim(other + dammCheckDigit(other)))).code).toBe("wrong_did");
    const mistyped = did.slice(0, -1) + String((Number(did.at(-1)) + 1) % 10);
    expect((await catchError(device.claim(mistyped))).code).toBe("bad_check_digit");
    expect((await device.claim(did)).provider).toBe("twilio");
  });

  test("a second confirmation of a confirmed call is session_terminal", async () => {
    const deployment = await fixture.start();
    const [first, second] = [await connected(deployment), await connected(deployment)];
    const { did } = await spoken(deployment);
    const challenges = [await first.claim(did), await second.claim(did)] as const;
    await first.confirm(challenges[0], { did });
    expect((await catchError(second.confirm(challenges[1], { did }))).code).toBe("session_terminal");
  });

  test("a revoked device is disconnected, stops, and tells its app", async () => {
    const deployment = await fixture.start();
    const device = await connected(deployment);
    const stopped = nextEvent(device, "stopped");
    await send(deployment.gateway, `DELETE /admin/v1/devices/${device.deviceId}`, { key: deployment.keys.admin });
    expect((await stopped).error.code).toBe("device_revoked");
  });

  test("an activation code works once", async () => {
    const deployment = await fixture.start();
    const { code } = await activationCode(deployment);
    const { baseUrl: gatewayUrl } = deployment.gateway;
    const about = { gatewayUrl, audience: deployment.publicUrl, activationCode: code, name: "n", platform: "p" };
    await enrol({ ...about, keyStore: memoryKeyStore() });
    const error = await catchError(enrol({ ...about, keyStore: memoryKeyStore() }));
    expect(error).toMatchObject({ code: "invalid_activation_code", correlationId: expect.any(String) });
  });

  test("a key without the scope, and another tenant's session, are typed", async () => {
    const deployment = await fixture.start({ tenants: [testTenant(), testTenant({ id: "other" })] });
    const { session } = await spoken(deployment);
    const { baseUrl } = deployment.gateway;
    const other = new SessionsClient({ baseUrl, apiKey: deployment.tenants[1]?.keys.sessions ?? "" });
    expect((await catchError(other.get(session.sessionId))).code).toBe("not_found");
    const admin = new SessionsClient({ baseUrl, apiKey: deployment.keys.admin });
    expect((await catchError(admin.get(session.sessionId))).code).toBe("forbidden");
    const nobody = new SessionsClient({ baseUrl, apiKey: "cs_test_unknown" });
    expect((await catchError(nobody.get(session.sessionId))).code).toBe("unauthenticated");
  });
});

test("[K34] the prompt loop, the hang-up and a reissue, as the gateway counts them", async () => {
  const deployment = await fixture.start();
  const sessions = clientAt(deployment);
  const { session } = await spoken(deployment);
  expect(await sessions.loop(session.sessionId, { index: 1, digit: "1" })).toMatchObject({
    next: "prompt",
    remaining: 2,
  });
  expect((await sessions.loop(session.sessionId, { index: 4 })).next).toBe("failure");
  expect((await sessions.callEnded(session.sessionId, { durationSeconds: 9 })).status).toBe("timeout");
  const { provider, callId } = newCall();
  const again = await sessions.create({ provider: "twilio", callId: session.callId, reissue: true });
  deployment.secrets.add(again.did);
  expect(again).toMatchObject({ created: true, generation: 2 });
  expect((await sessions.getByCall("twilio", session.callId)).sessionId).toBe(again.sessionId);
  expect((await catchError(sessions.getByCall(provider, callId))).code).toBe("not_found");
});

test("[K34] a gateway that drains answers the poll, and its device comes back to the next one at that address", async () => {
  const deployment = await fixture.start({ environment: { PORT: String(await freePort()) } });
  const device = await connected(deployment);
  const lost = nextEvent(device, "disconnected");
  await deployment.gateway.close();
  await lost;
  const back = nextEvent(device, "connected");
  await deployment.startAnother({ PORT: String(deployment.gateway.port) });
  await back;
  expect(device.state).toBe("connected");
});

test("[K6] a confirmation whose acknowledgement was lost is sent again and gets the first result", async () => {
  const deployment = await fixture.start();
  const wire = await startWire(deployment.gateway.baseUrl);
  fixture.closeAfter(() => wire.close());
  const connection = { gatewayUrl: wire.url, ackTimeoutMs: 300, reconnect: { baseMs: 5 } };
  const device = await connected(deployment, { connection });
  const { session, did } = await spoken(deployment);
  const challenge = await device.claim(did);
  wire.loseAnswers();
  const lost = nextEvent(device, "disconnected");
  const confirmation = await device.confirm(challenge, { did });
  await lost;
  expect(wire.lost).toBeGreaterThanOrEqual(1);
  const outcome = await clientAt(deployment).get(session.sessionId);
  expect(outcome).toMatchObject({ status: "confirmed", confirmedAt: confirmation.confirmedAt });
});
