import { expect, test } from "vitest";
import { enrolDevice } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { type Ack, type DeviceSocket, openDeviceSocket } from "../support/open-device-socket.ts";
import { callerApi, openSession } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import { testTenant } from "../support/test-tenants.ts";

const fixture = useGateways();

const sessionCount = 1000;
const confirmerCount = 16;
/** Sessions that every confirmer works on at the same moment. */
const batch = 50;

test("[D11] of 1,000 sessions raced by 16 confirmers on two gateways each is confirmed once, and everyone else is told so", async () => {
  const limits = { sessionsPerMinutePerKey: 100_000 };
  const deployment = await fixture.start({
    gateways: 2,
    // What 33,000 requests log is read for secrets in every other test.
    environment: { LOG_LEVEL: "warn" },
    tenants: [testTenant({ limits, policy: { ttlSeconds: 300, push: "off" } })],
  });
  const confirmers = await Promise.all(
    Array.from({ length: confirmerCount }, async (_, index) => {
      const device = await enrolDevice(deployment, { algorithm: index % 4 === 0 ? "EdDSA" : "ES256" });
      return { device, socket: await openDeviceSocket(fixture, deployment.gateways[index % 2]!, device) };
    }),
  );
  const ask = async (socket: DeviceSocket, event: string, payload: unknown) =>
    (await socket.raw.timeout(120_000).emitWithAck(event, payload)) as Ack;

  const acks: Ack[][] = [];
  const winners: number[] = [];
  for (let done = 0; done < sessionCount; done += batch) {
    const sessions = await Promise.all(Array.from({ length: batch }, () => openSession(deployment)));
    const proofs = await Promise.all(
      confirmers.map(({ device, socket }) =>
        Promise.all(
          sessions.map(async ({ did }) => device.proof((await ask(socket, "claim", { did })).challenge!, { did })),
        ),
      ),
    );
    // Nobody confirms before everybody has claimed; then all confirm everything at once, each from another session on.
    const raced = await Promise.all(
      confirmers.map(({ socket }, confirmer) =>
        Promise.all(
          sessions.map((_, index) => {
            const at = (index + confirmer * 3) % batch;
            return ask(socket, "confirm", { proof: proofs[confirmer]![at] }).then((ack) => ({ at, ack }));
          }),
        ),
      ),
    );
    for (let at = 0; at < batch; at += 1) {
      const ofSession = raced.map((own) => own.find((answer) => answer.at === at)!.ack);
      acks.push(ofSession);
      const confirmer = ofSession.findIndex(({ ok }) => ok);
      winners.push(confirmer);
    }
    // The winner of the batch's first session repeats its proof, and the record says what it was told.
    const confirmer = winners.at(-batch)!;
    const first = raced[confirmer]!.find(({ at }) => at === 0)!.ack;
    expect(await ask(confirmers[confirmer]!.socket, "confirm", { proof: proofs[confirmer]![0] })).toEqual(first);
    const { body } = await send(deployment.gateway, `GET ${callerApi}/sessions/${first.sessionId}`, {
      key: deployment.keys.sessions,
    });
    expect(body).toMatchObject({ status: "confirmed", deviceId: confirmers[confirmer]!.device.deviceId });
  }

  const outcomes = acks.flat().map(({ status, code }) => status ?? code);
  expect(Map.groupBy(outcomes, (outcome) => outcome).get("confirmed")).toHaveLength(sessionCount);
  expect(outcomes.filter((outcome) => outcome === "session_terminal")).toHaveLength(
    sessionCount * (confirmerCount - 1),
  );
  expect(acks.every((ofSession) => ofSession.filter(({ ok }) => ok).length === 1)).toBe(true);
  // Both gateways have won some, or there was no race.
  expect(new Set(winners.map((confirmer) => confirmer % 2)).size).toBe(2);
}, 300_000);
