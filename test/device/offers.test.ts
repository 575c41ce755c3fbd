import { describe, expect, test } from "vitest";
import { type ChallengeLike, enrolDevice, type TestDevice } from "../support/enrol-device.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { confirmByDid, type DeviceSocket, openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import { testTenant } from "../support/test-tenants.ts";
import { eventsOf, expire } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useGateways();
const phone = "+14155550123";
const otherPhone = "+14155550199";

type Push = "match" | "code" | "tap" | "off";

async function start(push: Push = "match", more: Parameters<typeof testTenant>[0] & { gateways?: number } = {}) {
  const { gateways = 1, ...tenant } = more;
  return fixture.start({ gateways, tenants: [testTenant({ policy: { push }, ...tenant })] });
}

async function connected(deployment: Deployment, options: Parameters<typeof enrolDevice>[1] = { phones: [phone] }) {
  const device = await enrolDevice(deployment, options);
  return { device, socket: await openDeviceSocket(fixture, deployment.gateways.at(-1)!, device) };
}

interface Offer {
  challenge: ChallengeLike & Record<string, unknown>;
  push: Push;
}
const nextOffer = async (socket: DeviceSocket) => (await socket.next("offer")) as unknown as Offer;

/** Waits until the session's offers have been decided on, and answers the types of its events. */
async function offersDecided(deployment: Deployment, sessionId: string, times: number): Promise<string[]> {
  return waitFor("the offers are decided on", async () => {
    const types = (await eventsOf(deployment.core, sessionId)).map(({ type }) => type!);
    const decided = types.filter((type) => type === "push_offered" || type === "rate_limited");
    return decided.length >= times ? decided : undefined;
  });
}

/** A round trip to every socket of the gateways: what was sent before it has arrived. */
async function drained(...sockets: DeviceSocket[]): Promise<void> {
  for (const socket of sockets) await socket.ask("claim", {});
}

describe("an offer", () => {
  test("[D15] goes to the device of the caller's number, on whichever gateway it is, and shows what a claim shows", async () => {
    const deployment = await start("match", { gateways: 2 });
    const { device, socket } = await connected(deployment, { phones: [phone, otherPhone], phone });
    const session = await openSession(deployment, { ani: phone, dnis: "+18005551234" });
    const offer = await nextOffer(socket);
    expect(offer).toEqual({
      push: "match",
      challenge: {
        sessionId: session.sessionId,
        callId: session.callId,
        provider: "generic",
        generation: 1,
        nonce: expect.any(String),
        expiresAt: session.created.body.expiresAt,
        organisation: "Acme Bank",
        dnis: "+18005551234",
        aniMasked: "+1********23",
        aniMatchesDevice: true,
        jws: expect.any(String),
      },
    });
    const [pushed] = (await eventsOf(deployment.core, session.sessionId)).filter(({ type }) => type === "push_offered");
    expect(JSON.parse(pushed!["data"]!)).toEqual({
      deviceId: device.deviceId,
      subjectId: device.subjectId,
      push: "match",
    });
  });

  test.each(["match", "code", "tap"] as const)(
    "[D15] under policy %s carries neither the code nor its last digits",
    async (push) => {
      const deployment = await start(push);
      const { socket } = await connected(deployment);
      const { did } = await openSession(deployment, { ani: phone });
      const { jws, ...shown } = (await nextOffer(socket)).challenge;
      const signed = Buffer.from(String(jws).split(".")[1]!, "base64url").toString();
      for (const text of [JSON.stringify(shown), signed]) expect(text).not.toContain(did);
      // What holds two digits by chance: ids, nonces, times and the masked number itself.
      const { sessionId: _a, callId: _b, nonce: _c, expiresAt: _d, aniMasked: _e, ...rest } = shown;
      expect(rest).toEqual({ provider: "generic", generation: 1, organisation: "Acme Bank", aniMatchesDevice: true });
      expect(Object.keys(JSON.parse(signed)).sort()).toEqual(
        [...Object.keys(shown), "iss", "aud", "iat", "exp"].sort(),
      );
    },
  );

  test("[D15] goes to every device of the subject without a number of its own, and to nobody else", async () => {
    const deployment = await start();
    const plain = await connected(deployment, { phones: [phone, otherPhone] });
    const { subjectId } = plain.device;
    const second = await connected(deployment, { subjectId });
    const another = await connected(deployment, { subjectId, phone: otherPhone });
    const stranger = await connected(deployment, { phones: ["+14155550000"] });
    const { sessionId } = await openSession(deployment, { ani: phone });
    for (const { socket } of [plain, second]) expect((await nextOffer(socket)).challenge.sessionId).toBe(sessionId);
    expect(await offersDecided(deployment, sessionId, 2)).toHaveLength(2);
    await drained(another.socket, stranger.socket);
    expect([...another.socket.received, ...stranger.socket.received]).toEqual([]);
  });

  test("[D15] goes only to the expected person", async () => {
    const deployment = await start();
    const mother = await connected(deployment);
    const daughter = await connected(deployment);
    const { sessionId } = await openSession(deployment, {
      ani: phone,
      expectedSubject: daughter.device.subjectId,
    });
    expect((await nextOffer(daughter.socket)).challenge.sessionId).toBe(sessionId);
    await drained(mother.socket);
    expect(mother.socket.received).toEqual([]);
  });

  test.each([
    { why: "under policy off", push: "off", ani: phone },
    { why: "for an anonymous caller", push: "match", ani: undefined },
  ] as const)("[D15] is not made $why", async ({ push, ani }) => {
    const deployment = await start(push);
    const { device, socket } = await connected(deployment);
    const { did, sessionId } = await openSession(deployment, ani === undefined ? {} : { ani });
    expect((await confirmByDid(socket, device, did)).status).toBe("confirmed");
    expect(socket.received).toEqual([]);
    expect((await eventsOf(deployment.core, sessionId)).map(({ type }) => type)).not.toContain("push_offered");
  });

  test("[D15] waits for a device that connects later, and not beyond the session", async () => {
    const deployment = await start("match", { gateways: 2 });
    const device = await enrolDevice(deployment, { phones: [phone] });
    const over = await openSession(deployment, { ani: phone });
    const { sessionId } = await openSession(deployment, { ani: phone });
    await offersDecided(deployment, sessionId, 1);
    await over.post("cancel");
    const socket = await openDeviceSocket(fixture, deployment.gateways[1]!, device);
    expect((await nextOffer(socket)).challenge.sessionId).toBe(sessionId);
    await drained(socket);
    expect(socket.received).toEqual([]);
  });
});

describe("the answer to an offer", () => {
  const answers = [
    {
      push: "match",
      right: (did: string) => ({ match: did.slice(-2) }),
      wrong: (did: string) => ({ match: otherDigits(did) }),
    },
    {
      push: "code",
      right: (did: string) => ({ did }),
      wrong: (did: string) => ({ did: did.slice(0, -2) + otherDigits(did) }),
    },
  ] as const;
  const otherDigits = (did: string) => String((Number(did.slice(-2)) + 1) % 100).padStart(2, "0");

  test.each(answers)("[D16] under policy $push confirms when it is right", async ({ push, right }) => {
    const deployment = await start(push);
    const { device, socket } = await connected(deployment);
    const { did, get } = await openSession(deployment, { ani: phone });
    const { challenge } = await nextOffer(socket);
    const ack = await socket.ask("confirm", { proof: device.proof(challenge, { mth: "push", ...right(did) }) });
    expect(ack.status).toBe("confirmed");
    expect((await get()).body).toMatchObject({ status: "confirmed", method: "push" });
  });

  test.each(answers)(
    "[D16] under policy $push takes the offer back when it is wrong; the code can still be claimed",
    async ({ push, right, wrong }) => {
      const deployment = await start(push);
      const { device, socket } = await connected(deployment);
      const { did, get, sessionId } = await openSession(deployment, { ani: phone });
      const { challenge } = await nextOffer(socket);
      const answer = (claims: object) =>
        socket.ask("confirm", { proof: device.proof(challenge, { mth: "push", ...claims }) });
      expect(await answer(wrong(did))).toEqual({ ok: false, code: "wrong_did", advice: "stop" });
      expect(await socket.next("withdrawn")).toEqual({ sessionId, reason: "wrong_did" });
      expect((await answer(right(did))).code).toBe("invalid_proof");
      expect((await get()).body.status).toBe("pending");
      const again = await openDeviceSocket(fixture, deployment.gateway, device);
      await drained(again);
      expect(again.received).toEqual([]);
      expect((await confirmByDid(socket, device, did)).status).toBe("confirmed");
      expect((await get()).body).toMatchObject({ method: "did" });
    },
  );

  test("[D16] under policy match is two digits: neither none, nor one, nor three, nor the whole code", async () => {
    const deployment = await start("match", { limits: { wrongDidsPer10Min: 100 } });
    const { device, socket } = await connected(deployment);
    const { did, get } = await openSession(deployment, { ani: phone });
    const { challenge } = await nextOffer(socket);
    const answer = (claims: object) =>
      socket.ask("confirm", { proof: device.proof(challenge, { mth: "push", ...claims }) });
    for (const attacker of [{}, { did }, { match: Number(did.slice(-2)) }, { match: null }]) {
      expect((await answer(attacker)).code).toBe("invalid_proof");
    }
    expect((await answer({ match: did.slice(-3) })).code).toBe("wrong_did");
    expect((await get()).body.status).toBe("pending");
  });

  test("[D16] under policy tap needs no code, and only of the device that was asked", async () => {
    const deployment = await start("tap");
    const { device, socket } = await connected(deployment);
    const stranger = await connected(deployment, {});
    const { did, get } = await openSession(deployment, { ani: phone });
    const { challenge } = await nextOffer(socket);
    const own = (await stranger.socket.ask("claim", { did })).challenge!;
    for (const attacker of [challenge, own]) {
      const proof = stranger.device.proof(attacker, { mth: "push" });
      expect((await stranger.socket.ask("confirm", { proof })).code).toBe("invalid_proof");
    }
    expect((await socket.ask("confirm", { proof: device.proof(challenge, { mth: "push" }) })).status).toBe("confirmed");
    expect((await get()).body.status).toBe("confirmed");
  });

  test("[D16] may be a denial", async () => {
    const deployment = await start();
    const { device, socket } = await connected(deployment);
    const { get } = await openSession(deployment, { ani: phone });
    const { challenge } = await nextOffer(socket);
    const proof = device.proof(challenge, { mth: "push", dec: "deny", reason: "not_me" });
    expect((await socket.ask("deny", { proof })).status).toBe("denied");
    expect((await get()).body).toMatchObject({ status: "denied", method: "push" });
  });
});

describe("offers to one device", () => {
  async function offer(
    deployment: Deployment,
  ): Promise<{ decided: string | undefined; sessionId: string; did: string }> {
    const { sessionId, did } = await openSession(deployment, { ani: phone });
    return { decided: (await offersDecided(deployment, sessionId, 1))[0], sessionId, did };
  }
  const decisions = async (deployment: Deployment, times: number) => {
    const decided: (string | undefined)[] = [];
    for (let index = 0; index < times; index += 1) decided.push((await offer(deployment)).decided);
    return decided;
  };

  test("[D17] are three in ten minutes; the fourth call is not offered and can still be claimed", async () => {
    const deployment = await start("match", { gateways: 2 });
    const { device, socket } = await connected(deployment);
    expect(await decisions(deployment, 3)).toEqual(["push_offered", "push_offered", "push_offered"]);
    const fourth = await offer(deployment);
    expect(fourth.decided).toBe("rate_limited");
    await drained(socket);
    expect(socket.received.filter(({ event }) => event === "offer")).toHaveLength(3);
    expect((await confirmByDid(socket, device, fourth.did)).status).toBe("confirmed");
  });

  test("[D17] are five since its last confirmation, and then begin again", async () => {
    const limits = { offersPer10Min: 100, sessionsPerMinutePerAni: 100 };
    const deployment = await start("match", { limits });
    const { device, socket } = await connected(deployment);
    const five = Array.from({ length: 5 }, () => "push_offered");
    expect(await decisions(deployment, 6)).toEqual([...five, "rate_limited"]);
    const { did } = await openSession(deployment);
    expect((await confirmByDid(socket, device, did)).status).toBe("confirmed");
    expect(await decisions(deployment, 6)).toEqual([...five, "rate_limited"]);
  });

  test("[D17] are counted exactly when calls race on two gateways", async () => {
    const limits = { offersPer10Min: 100, sessionsPerMinutePerAni: 100 };
    const deployment = await start("match", { limits, gateways: 2 });
    await connected(deployment);
    const sessions = await Promise.all(
      Array.from({ length: 12 }, (_, index) => openSession(deployment, { ani: phone }, deployment.gateways[index % 2])),
    );
    const decided = await Promise.all(sessions.map(({ sessionId }) => offersDecided(deployment, sessionId, 1)));
    expect(decided.flat().filter((type) => type === "push_offered")).toHaveLength(5);
  });
});

describe("a withdrawal", () => {
  async function shownToTwo(more: { gateways?: number } = {}) {
    const deployment = await start("match", { gateways: 2, ...more });
    const offered = await connected(deployment);
    const device = await enrolDevice(deployment);
    const claimant = { device, socket: await openDeviceSocket(fixture, deployment.gateway, device) };
    const session = await openSession(deployment, { ani: phone });
    const { challenge } = await nextOffer(offered.socket);
    const claimed = (await claimant.socket.ask("claim", { did: session.did })).challenge!;
    return { deployment, session, offered: { ...offered, challenge }, claimant: { ...claimant, challenge: claimed } };
  }

  const confirmClaim = (
    { device, socket, challenge }: { device: TestDevice; socket: DeviceSocket; challenge: ChallengeLike },
    did: string,
  ) => socket.ask("confirm", { proof: device.proof(challenge, { did }) });

  test("[D18] tells every other device that one has confirmed, and not the one", async () => {
    const { session, offered, claimant } = await shownToTwo();
    expect((await confirmClaim(claimant, session.did)).status).toBe("confirmed");
    expect(await offered.socket.next("withdrawn")).toEqual({ sessionId: session.sessionId, reason: "confirmed" });
    await drained(claimant.socket);
    expect(claimant.socket.received).toEqual([]);
  });

  test("[D18] tells them when one has denied", async () => {
    const { session, offered, claimant } = await shownToTwo();
    const { device, socket, challenge } = offered;
    const proof = device.proof(challenge, { dec: "deny", mth: "push", reason: "not_me" });
    expect((await socket.ask("deny", { proof })).status).toBe("denied");
    expect(await claimant.socket.next("withdrawn")).toEqual({ sessionId: session.sessionId, reason: "denied" });
  });

  test("[D18] tells all of them that the call was canceled", async () => {
    const { session, offered, claimant } = await shownToTwo();
    await session.post("cancel");
    const withdrawn = { sessionId: session.sessionId, reason: "canceled" };
    for (const { socket } of [offered, claimant]) expect(await socket.next("withdrawn")).toEqual(withdrawn);
  });

  test("[D18] tells all of them that the time is over, though no worker records it", async () => {
    const tenants = [testTenant({ policy: { ttlSeconds: 10 } })];
    const deployment = await fixture.start({ tenants, gateways: 2 });
    const { socket } = await connected(deployment);
    const device = await enrolDevice(deployment);
    const claimant = await openDeviceSocket(fixture, deployment.gateways[1]!, device);
    // Seven of the ten seconds are over before anybody looks.
    const session = await openSession(deployment, { ani: phone });
    await nextOffer(socket);
    await expire(deployment.core, session.sessionId, -3000);
    expect((await claimant.ask("claim", { did: session.did })).ok).toBe(true);
    const withdrawn = { sessionId: session.sessionId, reason: "timeout" };
    expect(await claimant.next("withdrawn")).toEqual(withdrawn);
    const types = (await eventsOf(deployment.core, session.sessionId)).map(({ type }) => type);
    expect(types).not.toContain("timeout");
  });

  test("[D18] leaves no subscription behind, whether or not its device is still there", async () => {
    const { deployment, session, offered } = await shownToTwo();
    offered.socket.close();
    await session.post("cancel");
    const metrics = await waitFor("the channels are left", async () => {
      const { text } = await send(deployment.gateway, "GET /metrics", { key: deployment.keys.metrics });
      return /^callseal_status_channels 0$/m.test(text) && text;
    });
    expect(metrics).toContain("callseal_status_channels 0");
  });
});
