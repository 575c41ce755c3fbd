import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { enrolDevice } from "../support/enrol-device.ts";
import { type Deployment, type TestGateway, useGateways } from "../support/gateway.ts";
import { callerApi, openSession } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import { waitForUsed } from "./read-capacity.ts";
import { frame, upgrade } from "./upgrade.ts";

const fixture = useGateways();
const json = "application/json";
const form = "application/x-www-form-urlencoded";
const chunk = `1000\r\n${"x".repeat(4096)}\r\n`;

interface Door {
  line: string;
  type: string;
  key?: string;
  status: number;
}

/** Every entrance of the gateway that a body can be sent to, and what it says to one that has no end. */
async function doorsOf(deployment: Deployment): Promise<Door[]> {
  const { sessions, admin } = deployment.keys;
  const { sessionId } = await openSession(deployment);
  const session = `${callerApi}/sessions/${sessionId}`;
  return [
    { line: `POST ${callerApi}/sessions`, type: json, key: sessions, status: 413 },
    ...["cancel", "loop", "call-ended"].map((action) => ({
      line: `POST ${session}/${action}`,
      type: json,
      key: sessions,
      status: 413,
    })),
    { line: "POST /ivr/sessions", type: json, key: sessions, status: 413 },
    { line: "POST /ivr/sessions", type: form, key: sessions, status: 413 },
    { line: "POST /admin/v1/subjects", type: json, key: admin, status: 413 },
    { line: "POST /scramble/device/v1/enrollments", type: json, status: 413 },
    ...["start", "prompt", "wait", "success", "failure", "status", "nothing"].map((step) => ({
      line: `POST /ivr/verify/${step}`,
      type: form,
      status: 403,
    })),
    { line: "POST /ivr/verify/start", type: json, status: 403 },
    { line: `POST ${callerApi}/sessions`, type: json, key: "cs_test_of_nobody", status: 401 },
    { line: `POST ${callerApi}/sessions`, type: "text/plain", key: sessions, status: 415 },
    { line: `GET ${session}`, type: json, key: sessions, status: 200 },
    { line: "GET /healthz", type: json, status: 200 },
    { line: "GET /openapi.json", type: json, status: 200 },
    { line: "POST /nowhere", type: json, status: 404 },
    { line: "POST /socket.io/?EIO=4&transport=websocket", type: json, status: 400 },
  ];
}

/** Sends a chunked body without end until the gateway closes the connection; answers the status that it heard first. */
function sendWithoutEnd(gateway: TestGateway, door: Door): Promise<{ status: number; tookMs: number }> {
  const startedAt = performance.now();
  const socket = connect(gateway.port, "127.0.0.1");
  fixture.closeAfter(() => socket.destroy());
  let heard = "";
  socket.on("data", (data) => (heard += data.toString("latin1")));
  socket.on("error", () => undefined);
  const key = door.key === undefined ? [] : [`Authorization: Bearer ${door.key}`];
  const head = [`${door.line} HTTP/1.1`, "Host: x", `Content-Type: ${door.type}`, "Transfer-Encoding: chunked", ...key];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  const writeOn = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on("drain", writeOn);
  socket.once("connect", writeOn);
  return new Promise((resolve) => {
    socket.once("close", () => {
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(heard)?.[1]), tookMs: performance.now() - startedAt });
    });
  });
}

describe("a body without end", () => {
  test("[S52] is refused at every entrance before its end, and its connection is closed", async () => {
    const deployment = await fixture.start();
    const { gateway } = deployment;
    const doors = await doorsOf(deployment);
    const answers = await Promise.all(doors.map((door) => sendWithoutEnd(gateway, door)));
    const seen = doors.map(({ line, type }, index) => ({ line, type, status: answers[index]!.status }));
    expect(seen).toEqual(doors.map(({ line, type, status }) => ({ line, type, status })));
    // Well before Node's own time for a request, and after the two seconds that an honest client has to read the answer.
    for (const [index, { tookMs }] of answers.entries()) expect(tookMs, doors[index]!.line).toBeLessThan(15_000);
    expect((await send(gateway, "GET /readyz")).status).toBe(200);
  }, 40_000);
});

describe("a WebSocket message", () => {
  const unfinished = (payload: string, opcode: number) => {
    const sent = frame(payload, opcode);
    sent[0]! &= 0x7f;
    return sent;
  };

  test.each([
    ["more than 16 KiB in fragments", [unfinished("x".repeat(9000), 1), unfinished("x".repeat(9000), 0)]],
    ["fragments without end", [unfinished("4", 1), ...Array.from({ length: 20_000 }, () => unfinished("", 0))]],
    ["eleven attachments", [frame('4511-/device,["claim",{"_placeholder":true,"num":0}]')]],
  ])("[S52] of %s closes its connection, before and after the sign-in", async (_name, attacker) => {
    const deployment = await fixture.start();
    const device = await enrolDevice(deployment);
    for (const signsIn of [false, true]) {
      const { socket } = await upgrade(fixture, deployment.gateway);
      const closed = new Promise((resolve) => socket!.once("close", resolve));
      socket!.resume();
      if (signsIn) {
        socket!.write(frame(`40/device,${JSON.stringify({ token: device.token() })}`));
        await waitForUsed(deployment, "sockets", 1);
        await waitForUsed(deployment, "handshakes", 0);
      }
      socket!.write(Buffer.concat(attacker));
      await closed;
      await waitForUsed(deployment, "sockets", 0);
    }
  });
});
