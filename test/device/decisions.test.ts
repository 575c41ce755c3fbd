import { describe, expect, test } from "vitest";
import { enrolDevice } from "../support/enrol-device.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { confirmByDid, openDeviceSocket } from "../support/open-device-socket.ts";
import { callerApi, openSession } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import { testTenant } from "../support/test-tenants.ts";
import { eventsOf, expire, recordOf } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useGateways();

async function start(options: Parameters<typeof testTenant>[0] & { gateways?: number } = {}) {
  const { gateways = 1, ...tenant } = options;
  const deployment = await fixture.start({ gateways, tenants: [testTenant(tenant)] });
  const [device, other] = [await enrolDevice(deployment), await enrolDevice(deployment)];
  const socket = await openDeviceSocket(fixture, deployment.gateway, device);
  const others = await openDeviceSocket(fixture, deployment.gateways.at(-1)!, other);
  return { deployment, device, other, socket, others };
}

describe("the first valid confirmation", () => {
  test("[D11] wins; every other device gets session_terminal, and the winner its first result for ever", async () => {
    const { deployment, device, other, socket, others } = await start({ gateways: 2 });
    const { did, get, sessionId } = await openSession(deployment);
    const [mine, theirs] = await Promise.all([socket, others].map((one) => one.ask("claim", { did })));
    const proof = device.proof(mine!.challenge!, { did });
    const first = await socket.ask("confirm", { proof });
    expect(first).toEqual({ ok: true, sessionId, status: "confirmed", confirmedAt: expect.any(String) });
    const late = other.proof(theirs!.challenge!, { did });
    const terminal = { ok: false, code: "session_terminal", advice: "stop" };
    expect(await others.ask("confirm", { proof: late })).toEqual(terminal);
    expect(await socket.ask("confirm", { proof })).toEqual(first);
    // Another proof of the same device for the same session is not the one that won.
    expect(await socket.ask("confirm", { proof: device.proof(mine!.challenge!, { did }) })).toEqual(terminal);
    socket.close();
    const elsewhere = await openDeviceSocket(fixture, deployment.gateways[1]!, device);
    expect(await elsewhere.ask("confirm", { proof })).toEqual(first);
    expect((await get()).body).toMatchObject({ status: "confirmed", confirmedAt: first.confirmedAt });
    expect((await eventsOf(deployment.core, sessionId)).filter(({ type }) => type === "confirmed")).toHaveLength(1);
  });

  test("[D11] is kept when its acknowledgement was lost: the same proof gets it, a later denial does not undo it", async () => {
    const { deployment, device, socket } = await start();
    const { did, get } = await openSession(deployment);
    const { challenge } = await socket.ask("claim", { did });
    const proof = device.proof(challenge!, { did });
    socket.raw.emit("confirm", { proof }, () => undefined);
    await waitFor("the confirmation is recorded", async () => (await get()).body.status === "confirmed");
    socket.close();
    const again = await openDeviceSocket(fixture, deployment.gateway, device);
    const { confirmedAt } = (await get()).body;
    expect(await again.ask("confirm", { proof })).toMatchObject({ ok: true, status: "confirmed", confirmedAt });
    const denial = device.proof(challenge!, { dec: "deny", reason: "mistake" });
    expect((await again.ask("deny", { proof: denial })).code).toBe("session_terminal");
    expect((await get()).body.status).toBe("confirmed");
  });

  test("[D11] comes once of a proof that is sent many times at once to two gateways", async () => {
    const { deployment, device, socket } = await start({ gateways: 2 });
    const elsewhere = await openDeviceSocket(fixture, deployment.gateways[1]!, device);
    const { did, sessionId } = await openSession(deployment);
    const { challenge } = await socket.ask("claim", { did });
    const proof = device.proof(challenge!, { did });
    const acks = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 ? socket : elsewhere).ask("confirm", { proof })),
    );
    expect(new Set(acks.map((ack) => JSON.stringify(ack))).size).toBe(1);
    expect(acks[0]).toMatchObject({ ok: true, status: "confirmed" });
    expect((await eventsOf(deployment.core, sessionId)).filter(({ type }) => type === "confirmed")).toHaveLength(1);
  });

  test("[D11] comes too late for a session that was canceled", async () => {
    const { deployment, device, socket } = await start();
    const { did, post, get } = await openSession(deployment);
    const { challenge } = await socket.ask("claim", { did });
    await post("cancel");
    const ack = await socket.ask("confirm", { proof: device.proof(challenge!, { did }) });
    expect(ack).toEqual({ ok: false, code: "session_terminal", advice: "stop" });
    expect((await get()).body.status).toBe("canceled");
  });
});

describe("a denial", () => {
  test.each(["not_me", "mistake", undefined])(
    "[D12] with the reason %s ends the session without a code",
    async (reason) => {
      const { deployment, device, socket } = await start();
      const { did, get, sessionId } = await openSession(deployment);
      const { challenge } = await socket.ask("claim", { did });
      const proof = device.proof(challenge!, { dec: "deny", reason });
      const ack = await socket.ask("deny", { proof });
      expect(ack).toEqual({ ok: true, sessionId, status: "denied" });
      expect(await socket.ask("deny", { proof })).toEqual(ack);
      const document = (await get()).body;
      expect(document).toMatchObject({ status: "denied", deviceId: device.deviceId, intercept: { status: "none" } });
      expect(document).not.toHaveProperty("receipt");
      const [denied] = (await eventsOf(deployment.core, sessionId)).filter(({ type }) => type === "denied");
      expect(JSON.parse(denied!["data"]!)).toEqual({
        deviceId: device.deviceId,
        subjectId: device.subjectId,
        method: "did",
        ...(reason === undefined ? {} : { reason }),
      });
    },
  );

  test("[D12] with another reason, or signed as a confirmation, is refused", async () => {
    const { deployment, device, socket } = await start();
    const { did, get } = await openSession(deployment);
    const { challenge } = await socket.ask("claim", { did });
    for (const attacker of [
      { dec: "deny", reason: "bored" },
      { dec: "deny", reason: 7 },
      { dec: "confirm", did },
    ]) {
      const ack = await socket.ask("deny", { proof: device.proof(challenge!, attacker) });
      expect(ack).toEqual({ ok: false, code: "invalid_proof", advice: "stop" });
    }
    expect((await get()).body.status).toBe("pending");
  });
});

describe("a confirmation on a call that the person did not place", () => {
  test("[D13] is refused as incoming_call by default, is audited, and changes nothing", async () => {
    const { deployment, device, socket } = await start();
    const { did, get, sessionId } = await openSession(deployment);
    const { challenge } = await socket.ask("claim", { did });
    const before = await recordOf(deployment.core, sessionId);
    const ack = await socket.ask("confirm", { proof: device.proof(challenge!, { did, call: "incoming" }) });
    expect(ack).toEqual({ ok: false, code: "incoming_call", advice: "stop" });
    expect(await recordOf(deployment.core, sessionId)).toEqual(before);
    const refused = await waitFor("the refusal is audited", async () => {
      return (await eventsOf(deployment.core, sessionId)).find(({ type }) => type === "confirmation_refused");
    });
    expect(JSON.parse(refused["data"]!)).toMatchObject({ code: "incoming_call", deviceId: device.deviceId });
    expect((await confirmByDid(socket, device, did)).status).toBe("confirmed");
    expect((await get()).body.status).toBe("confirmed");
  });

  test("[D13] is accepted where the tenant allows it, and the event says so", async () => {
    const { deployment, device, socket } = await start({ policy: { incomingCall: "allow" } });
    const { did, sessionId } = await openSession(deployment);
    const { challenge } = await socket.ask("claim", { did });
    const ack = await socket.ask("confirm", { proof: device.proof(challenge!, { did, call: "incoming" }) });
    expect(ack.status).toBe("confirmed");
    const [confirmed] = (await eventsOf(deployment.core, sessionId)).filter(({ type }) => type === "confirmed");
    expect(JSON.parse(confirmed!["data"]!)).toMatchObject({ call: "incoming" });
  });

  test.each(["outgoing", "none", "unknown"])("[D13] is accepted when the phone says %s", async (call) => {
    const { deployment, device, socket } = await start();
    const { did } = await openSession(deployment);
    const { challenge } = await socket.ask("claim", { did });
    expect((await socket.ask("confirm", { proof: device.proof(challenge!, { did, call }) })).status).toBe("confirmed");
  });

  test("[D13] may be denied all the same", async () => {
    const { deployment, device, socket } = await start();
    const { did } = await openSession(deployment);
    const { challenge } = await socket.ask("claim", { did });
    const proof = device.proof(challenge!, { dec: "deny", reason: "not_me", call: "incoming" });
    expect((await socket.ask("deny", { proof })).status).toBe("denied");
  });
});

describe("a confirmation after the end", () => {
  const late = { ok: false, code: "late_confirmation", advice: "stop" };
  const caseId = "CASE-9911";

  const hangUp = async (deployment: Deployment, sessionId: string) => {
    await send(deployment.gateway, `POST ${callerApi}/sessions/${sessionId}/call-ended`, {
      key: deployment.keys.sessions,
    });
  };
  const expireAgo = (agoMs: number) => (deployment: Deployment, sessionId: string) => {
    return expire(deployment.core, sessionId, agoMs);
  };

  async function confirmLate(
    policy: "ignore" | "recently-verified",
    end: (deployment: Deployment, sessionId: string) => Promise<void>,
    metadata: Record<string, string> = { crmCaseId: caseId },
  ) {
    const { deployment, device, socket } = await start({ policy: { late: policy } });
    const session = await openSession(deployment, { metadata });
    const { challenge } = await socket.ask("claim", { did: session.did });
    await end(deployment, session.sessionId);
    const before = await recordOf(deployment.core, session.sessionId);
    const ack = await socket.ask("confirm", { proof: device.proof(challenge!, { did: session.did }) });
    expect(await recordOf(deployment.core, session.sessionId)).toEqual(before);
    const listed = await send(deployment.gateway, `GET ${callerApi}/verifications?caseId=${caseId}`, {
      key: deployment.keys.sessions,
    });
    const types = (await eventsOf(deployment.core, session.sessionId)).map(({ type }) => type);
    return { ack, session, device, deployment, types, verifications: listed.body["verifications"] };
  }

  test.each([
    { end: "1 ms after expiry", act: expireAgo(1) },
    { end: "after the hang-up", act: hangUp },
  ])("[D14] $end is late, recorded as an event, and changes nothing", async ({ act }) => {
    const { ack, session, types, verifications } = await confirmLate("ignore", act);
    expect(ack).toEqual(late);
    expect((await session.get()).body.status).not.toBe("confirmed");
    expect(types).toContain("late_confirmation");
    expect(verifications).toEqual([]);
  });

  test.each([
    { end: "1 ms after expiry", act: expireAgo(1) },
    { end: "not quite two minutes after expiry", act: expireAgo(115_000) },
    { end: "after the hang-up", act: hangUp },
  ])("[D14] $end counts for the case where the tenant keeps the recently verified", async ({ act }) => {
    const { ack, session, device, verifications } = await confirmLate("recently-verified", act);
    expect(ack).toEqual(late);
    expect(verifications).toEqual([
      {
        caseId,
        sessionId: session.sessionId,
        subjectId: device.subjectId,
        verifiedAt: expect.any(String),
        expiresAt: expect.any(String),
      },
    ]);
    expect((await session.get()).body.status).not.toBe("confirmed");
  });

  test.each([
    { why: "later than two minutes after expiry", act: expireAgo(121_000), metadata: { crmCaseId: caseId } },
    { why: "for a session without a case", act: expireAgo(1), metadata: { caseId } },
  ])("[D14] $why counts for nothing", async ({ act, metadata }) => {
    const { ack, verifications } = await confirmLate("recently-verified", act, metadata);
    expect(ack).toEqual(late);
    expect(verifications).toEqual([]);
  });

  test("[D14] counts for no case with a wrong code, or as a denial", async () => {
    const { deployment, device, socket } = await start({ policy: { late: "recently-verified" } });
    const { did, sessionId } = await openSession(deployment, { metadata: { crmCaseId: caseId } });
    const { challenge } = await socket.ask("claim", { did });
    await expire(deployment.core, sessionId);
    const denial = device.proof(challenge!, { dec: "deny", reason: "not_me" });
    expect(await socket.ask("deny", { proof: denial })).toEqual(late);
    const wrong = device.proof(challenge!, { did: "no-code" });
    expect((await socket.ask("confirm", { proof: wrong })).code).toBe("wrong_did");
    const listed = await send(deployment.gateway, `GET ${callerApi}/verifications?caseId=${caseId}`, {
      key: deployment.keys.sessions,
    });
    expect(listed.body["verifications"]).toEqual([]);
  });
});
