import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { enrolDevice } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { confirmByDid, openDeviceSocket } from "../support/open-device-socket.ts";
import { assertNoSecrets } from "../support/secret-book.ts";
import { send } from "../support/send.ts";

const fixture = useGateways();

test("a session is created, confirmed by a device over a raw socket, and read by raw HTTP", async () => {
  const deployment = await fixture.start({ gateways: 2 });
  const [a, b] = deployment.gateways as [typeof deployment.gateway, typeof deployment.gateway];
  const key = deployment.keys.sessions;
  const json = { provider: "generic", callId: `call-${randomUUID()}`, ani: "+14155550123" };
  const created = await send(a, "POST /scramble/caller/v1/sessions", { key, json });
  expect(created.status).toBe(201);

  const device = await enrolDevice(deployment, { gateway: b });
  const socket = await openDeviceSocket(fixture, b, device);
  const ack = await confirmByDid(socket, device, created.body.did);
  expect(ack).toMatchObject({ ok: true, status: "confirmed", sessionId: created.body.sessionId });

  const read = await send(a, `GET /scramble/caller/v1/sessions/${created.body.sessionId}`, { key });
  expect(read.body).toMatchObject({ status: "confirmed", method: "did", deviceId: device.deviceId });
  expect(deployment.secrets.all).toEqual(expect.arrayContaining([created.body.did, read.body.receipt, json.ani]));
});

test("a log line that shows a DID, a key or a number is found, and digits inside other numbers are not", () => {
  const secrets = ["482913", "cs_test_key_1", "+14155550000"];
  for (const line of [
    '{"did":"482913"}',
    '{"detail":"the code 4 8 2 9 1 3 is spoken"}',
    '{"key":"Bearer cs_test_key_1"}',
    '{"ani":"+14155550000"}',
  ]) {
    expect(() => assertNoSecrets([line], secrets), line).toThrow("stands in the log line");
  }
  assertNoSecrets(['{"pid":482913,"time":"2026-11-23T03:48:29.133Z","sessionId":"csn_a482913b_1"}'], secrets);
});
