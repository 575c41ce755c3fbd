import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { enrolDevice } from "../support/enrol-device.ts";
import { type Deployment, type TestGateway, useGateways } from "../support/gateway.ts";
import { confirmByDid, openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import { handshakeRefusal } from "./forge.ts";
import { type EngineSocket, openEngineSocket } from "./open-engine-socket.ts";

const fixture = useGateways();

const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);
beforeEach(() => {
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);
});
afterEach(() => {
  process.off("unhandledRejection", note);
  process.off("uncaughtException", note);
  expect(unhandled.splice(0)).toEqual([]);
});

async function start() {
  const deployment = await fixture.start();
  const device = await enrolDevice(deployment);
  const socket = await openDeviceSocket(fixture, deployment.gateway, device);
  return { deployment, device, socket };
}

/** Alive and well: another session is claimed and confirmed as ever. */
async function expectWell({ deployment }: { deployment: Deployment }): Promise<void> {
  const device = await enrolDevice(deployment);
  const socket = await openDeviceSocket(fixture, deployment.gateway, device);
  const { did } = await openSession(deployment);
  expect((await confirmByDid(socket, device, did)).status).toBe("confirmed");
  expect((await send(deployment.gateway, "GET /healthz")).status).toBe(200);
}

const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);

const payloads: [name: string, payload: unknown][] = [
  ["nothing", undefined],
  ["null", null],
  ["a number", 7],
  ["a text", "123456"],
  ["true", true],
  ["an empty array", []],
  ["an array with the right object", [{ did: "123456" }]],
  ["an empty object", {}],
  ["a code that is a number", { did: 123456 }],
  ["a code that is an object", { did: { toString: "123456", length: 6 } }],
  ["a code that is bytes", { did: Buffer.from("123456") }],
  ["a code of 65 characters", { did: "1".repeat(65) }],
  ["a field more", { did: "123456", sessionId: "x" }],
  ["a polluting member", JSON.parse('{"did":"123456","__proto__":{"did":"1"}}')],
  ["a constructor", { constructor: { prototype: { did: "123456" } } }],
  ["bytes", Buffer.from('{"did":"123456"}')],
  ["a thousand levels", { did: deep(1000) }],
];

describe("a payload", () => {
  test.each(payloads)("[D19] that is %s is answered with a code and changes nothing", async (_name, attacker) => {
    const it = await start();
    const claim =
      attacker === undefined
        ? await it.socket.raw.timeout(5000).emitWithAck("claim")
        : await it.socket.ask("claim", attacker);
    expect(claim).toEqual({ ok: false, code: "invalid_request", advice: "stop" });
    for (const event of ["confirm", "deny"]) {
      expect(await it.socket.ask(event, attacker)).toEqual({ ok: false, code: "invalid_proof", advice: "stop" });
    }
    expect(it.socket.raw.connected).toBe(true);
    await expectWell(it);
  });

  test("[D19] beside another is refused, and so is an event that nobody serves", async () => {
    const it = await start();
    const raw = it.socket.raw.timeout(5000);
    const invalid = { ok: false, code: "invalid_request", advice: "stop" };
    expect(await raw.emitWithAck("claim", { did: "123456" }, { did: "654321" })).toEqual(invalid);
    for (const attacker of [
      "Claim",
      "offer",
      "withdrawn",
      "__proto__",
      "constructor",
      "hasOwnProperty",
      "toString",
      "",
      "watch",
    ]) {
      expect(await raw.emitWithAck(attacker, { did: "123456" })).toEqual(invalid);
    }
    await expectWell(it);
  });

  test("[D19] that asks for no answer is done nothing about", async () => {
    const it = await start();
    const { did, get } = await openSession(it.deployment);
    const { challenge } = await it.socket.ask("claim", { did });
    it.socket.raw.emit("confirm", { proof: it.device.proof(challenge!, { did }) });
    it.socket.raw.emit("confirm");
    it.socket.raw.emit("claim", "x", "y", "z");
    expect((await it.socket.ask("claim", { did })).ok).toBe(true);
    expect((await get()).body.status).toBe("pending");
  });

  test("[D19] is answered with 500 others that come at once", async () => {
    const it = await start();
    const acks = await Promise.all(
      Array.from({ length: 500 }, (_, index) =>
        it.socket.ask(index % 2 ? "confirm" : "deny", { proof: `x.${index}` }, { withinMs: 15_000 }),
      ),
    );
    expect(new Set(acks.map(({ code }) => code))).toEqual(new Set(["invalid_proof"]));
    await expectWell(it);
  });

  test("[D19] after 2,000 that wait is put off, and those are answered", async () => {
    const it = await start();
    const acks = await Promise.all(
      Array.from({ length: 2500 }, () => it.socket.raw.timeout(15_000).emitWithAck("deny", {})),
    );
    const codes = acks.map(({ code }: { code: string }) => code);
    expect(codes.filter((code) => code === "invalid_proof").length).toBeGreaterThanOrEqual(2000);
    expect(codes.every((code) => code === "invalid_proof" || code === "rate_limited")).toBe(true);
    await expectWell(it);
  });

  test("[D19] of more than 16 KiB closes its own socket and no other", async () => {
    const it = await start();
    const other = await openDeviceSocket(fixture, it.deployment.gateway, await enrolDevice(it.deployment));
    const gone = new Promise((left) => it.socket.raw.once("disconnect", left));
    it.socket.raw.emit("claim", { did: "1".repeat(17_000) }, () => undefined);
    expect(await gone).toMatch(/transport/);
    expect((await other.ask("claim", { did: "000000" })).code).toBe("wrong_did");
    await expectWell(it);
  });
});

describe("a connection", () => {
  test("[D20] to the default namespace is refused, and to an unknown one too", async () => {
    const { deployment, device } = await start();
    const open = (namespace: string) =>
      openDeviceSocket(fixture, deployment.gateway, undefined, { namespace, token: device.token() });
    expect(await handshakeRefusal(open("/"))).toEqual({ code: "not_found", advice: "stop" });
    for (const namespace of ["/devices", "/Device", "/__proto__", "/admin"]) {
      expect(await handshakeRefusal(open(namespace))).toBeUndefined();
    }
  });

  test("[D20] by polling is refused", async () => {
    const { deployment } = await start();
    for (const line of ["GET", "POST", "PUT", "OPTIONS"]) {
      const answer = await send(deployment.gateway, `${line} /socket.io/?EIO=4&transport=polling`);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
    }
    for (const query of [
      "",
      "?EIO=4",
      "?EIO=3&transport=websocket",
      "?EIO=4&transport=websocket",
      "?EIO=4&transport=__proto__",
      "?EIO=4&transport=websocket&sid=x",
    ]) {
      expect((await send(deployment.gateway, `GET /socket.io/${query}`)).status).toBe(400);
    }
    await expectWell({ deployment });
  });

  const frames: [name: string, frames: (string | Buffer)[]][] = [
    ["no engine.io packet", ["hello"]],
    ["an unknown packet type", ["9"]],
    ["an empty frame", [""]],
    ["a ping of the client", ["2"]],
    ["an upgrade", ["5"]],
    ["a binary frame that nobody announced", [Buffer.from([0, 1, 2, 3])]],
    ["a connect with a token that is no object", ['40/device,"x"']],
    ["a connect with null", ["40/device,null"]],
    ["a connect with an array", ["40/device,[]"]],
    ["a connect without a token", ["40/device,"]],
    ["a connect with broken JSON", ['40/device,{"token":']],
    ["a connect with a session to recover", ['40/device,{"token":"x","pid":"y","offset":"z"}']],
    ["an event before the handshake", ['42/device,1["claim",{"did":"123456"}]']],
    ["an event whose name is no text", ['42/device,1[{"a":1}]']],
    ["an event of a reserved name", ['42/device,1["disconnect"]']],
    ["an event that is no array", ['42/device,1{"did":"1"}']],
    ["an acknowledgement of nothing", ["43/device,99[]"]],
    ["an acknowledgement of a huge id", [`43/device,${"9".repeat(400)}[]`]],
    ["a connect_error of the client", ['44/device,{"message":"x"}']],
    ["a thousand attachments that never come", ['451000-/device,["claim",{"_placeholder":true,"num":0}]']],
    ["a placeholder out of range", ['451-/device,["claim",{"_placeholder":true,"num":7}]', Buffer.from([1])]],
    ["attachments without number", ['45-/device,["claim"]']],
    ["a namespace of 10,000 characters", [`40/${"x".repeat(10_000)},`]],
    ["a namespace with a query", ["40/device?token=x,"]],
    ["the default namespace", ["40"]],
    ["a disconnect from nowhere", ["41/device,"]],
    ["more than 16 KiB", [`40/device,{"token":"${"x".repeat(20_000)}"}`]],
  ];

  test("[D20] with frames that no client sends is refused or closed, and the gateway goes on", async () => {
    const it = await start();
    for (const [name, attacker] of frames) {
      const engine = await openEngineSocket(fixture, it.deployment.gateway);
      for (const frame of attacker) engine.send(frame);
      // Whoever is still there afterwards is somebody whom nobody let in.
      expect(await settled(engine), name).not.toContain('40/device,{"sid"');
      engine.close();
    }
    expect(await it.socket.ask("claim", { did: "000000" })).toMatchObject({ code: "wrong_did" });
    await expectWell(it);
  });

  test("[D20] of an authenticated device that then sends such frames is closed alone", async () => {
    const it = await start();
    for (const attacker of [
      '42/device,1[{"a":1}]',
      '42/device,1{"did":"1"}',
      '451-/device,["claim",{"_placeholder":true,"num":9}]',
      "9",
      "45-",
    ]) {
      const engine = await openEngineSocket(fixture, it.deployment.gateway);
      engine.send(`40/device,${JSON.stringify({ token: it.device.token() })}`);
      await engine.until('40/device,{"sid"');
      engine.send(attacker);
      engine.send(Buffer.from([1]));
      await engine.closed;
    }
    expect(await it.socket.ask("claim", { did: "000000" })).toMatchObject({ code: "wrong_did" });
    await expectWell(it);
  });

  test.each([
    ["a request that is no HTTP", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\r\n\r\n"],
    [
      "an upgrade to something else",
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ],
    [
      "an upgrade without a key",
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
    ],
    [
      "an upgrade elsewhere",
      "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ],
  ])("[D20] by %s is refused without a fault of ours", async (_name, attacker) => {
    const it = await start();
    const answer = await exchange(it.deployment.gateway, attacker);
    expect(answer).not.toMatch(/^HTTP\/1.1 (?:101|5)/);
    await expectWell(it);
  });
});

/** What the other side has said once it has closed, or has answered a namespace that does not exist. */
async function settled(engine: EngineSocket): Promise<string> {
  engine.send("40/nobody-here,");
  await Promise.race([engine.closed, engine.until("44/nobody-here,").catch(() => undefined)]);
  return engine.heard.join("\n");
}

async function exchange(gateway: TestGateway, text: string): Promise<string> {
  const socket = connect(gateway.port, "127.0.0.1");
  let heard = "";
  socket.on("data", (chunk) => (heard += chunk.toString("latin1")));
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.end(text);
  await once(socket, "close");
  return heard;
}
