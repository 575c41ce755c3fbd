import { describe, expect, test } from "vitest";
import { interceptQueue, queuePrefix } from "../../core/queue/queues.ts";
import { isEntry } from "../../sandbox/ledger/ledger-entry.ts";
import { enrolDevice } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { startLiveDeployment } from "../support/live-deployment.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { startRedisProxy } from "../support/start-redis-proxy.ts";
import { eventsOf } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useGateways();
const movedWithinMs = 2000;

/** A caller who has heard a code, whose app has claimed it at a gateway that is about to die. */
async function callAtDyingGateway() {
  const live = await startLiveDeployment(fixture);
  const proxy = await startRedisProxy(fixture.core.url);
  fixture.closeAfter(() => proxy.close());
  const [worker, dying] = await Promise.all([
    live.spawnWorker(),
    live.spawnGateway({ environment: { REDIS_URL: proxy.url } }),
  ]);
  const device = await enrolDevice(live);
  const socket = await openDeviceSocket(fixture, dying, device);
  const call = live.placeCall();
  const did = await live.heardCode(call);
  const { challenge } = await socket.ask("claim", { did });
  const proof = device.proof(challenge!, { did });
  const { sessionId } = challenge!;
  const jobKey = `${queuePrefix(live.prefix)}:${interceptQueue.name}:${interceptQueue.jobId(sessionId)}`;
  // What is owed lies there until the gateway is gone, however long that takes.
  worker.child.kill("SIGSTOP");
  return {
    live,
    proxy,
    worker,
    device,
    socket,
    call,
    proof,
    sessionId,
    record: () => live.core.sessions.read(sessionId, "acme"),
    hasJob: async () => (await live.core.redis.exists(jobKey)) === 1,
    /** Ends the gateway. The worker, which was held until now, goes on. */
    kill: () => {
      const ended = dying.end("SIGKILL");
      const killedAt = performance.now();
      worker.child.kill("SIGCONT");
      return { ended, killedAt };
    },
    /** When the caller heard that they are verified. */
    movedAt: async () => (await live.cloud.waitFor(isEntry("ivr.visited", call.sid))).monotonicMs,
  };
}

type DyingCall = Awaited<ReturnType<typeof callAtDyingGateway>>;

async function expectMovedOnce({ live, worker, call, sessionId, record }: DyingCall): Promise<void> {
  await waitFor("the intercept is settled", async () => {
    const session = await record();
    return session?.intercept.status === "succeeded";
  });
  expect(await record()).toMatchObject({ status: "confirmed", intercept: { status: "succeeded", attempts: 1 } });
  const { entries } = live.cloud.ledger;
  expect(entries.filter(isEntry("call.updated", call.sid))).toHaveLength(1);
  expect(entries.filter(isEntry("ivr.visited"))).toMatchObject([{ page: "verified", sid: sessionId }]);
  const types = (await eventsOf(live.core, sessionId)).map(({ type }) => type);
  expect(types.filter((type) => type === "confirmed" || type?.startsWith("intercept_"))).toEqual([
    "confirmed",
    "intercept_success",
  ]);
  // Nobody else had added the job: the worker found what was owed.
  const restored = worker.lines.filter(({ event }) => event === "intercept.reconciled");
  expect(restored).toMatchObject([{ sessionId, action: "added" }]);
}

describe("a gateway that is killed", () => {
  test("[W52] after it acknowledged a confirmation and before its job was added leaves a call that moves within 2 s, once", async () => {
    const dying = await callAtDyingGateway();
    dying.proxy.holdFrom(/:intercept:/);
    expect(await dying.socket.ask("confirm", { proof: dying.proof })).toMatchObject({ ok: true, status: "confirmed" });
    await waitFor("the job is on its way", () => dying.proxy.held > 0);
    const [session, hasJob] = await Promise.all([dying.record(), dying.hasJob()]);
    const { ended, killedAt } = dying.kill();
    expect(session).toMatchObject({ status: "confirmed", intercept: { status: "pending", attempts: 0 } });
    expect(hasJob).toBe(false);
    expect((await ended).code).toBe(null);
    const afterMs = Math.round((await dying.movedAt()) - killedAt);
    console.info(`a gateway was killed before it added the job, and the call moved ${afterMs} ms later`);
    expect(afterMs).toBeLessThan(movedWithinMs);
    await expectMovedOnce(dying);
  });

  test("[W52] before it heard that the confirmation stands leaves a call that moves as soon, and the same proof its first result", async () => {
    const dying = await callAtDyingGateway();
    const { live, proxy, device, proof } = dying;
    proxy.holdAnswersFrom(/\r\nconfirm\r\n/);
    let acknowledged = false;
    dying.socket.raw.emit("confirm", { proof }, () => {
      acknowledged = true;
    });
    await waitFor("the confirmation stands", async () => (await dying.record())?.status === "confirmed");
    await waitFor("the answer is held", () => proxy.held > 0);
    const hasJob = await dying.hasJob();
    const { ended, killedAt } = dying.kill();
    expect({ acknowledged, hasJob }).toEqual({ acknowledged: false, hasJob: false });
    await ended;
    const afterMs = Math.round((await dying.movedAt()) - killedAt);
    console.info(`a gateway was killed before it acknowledged, and the call moved ${afterMs} ms later`);
    expect(afterMs).toBeLessThan(movedWithinMs);
    const elsewhere = await openDeviceSocket(fixture, live.gateway, device);
    const repeated = await elsewhere.ask("confirm", { proof });
    const session = await dying.record();
    if (session?.status !== "confirmed") throw new Error("the session is not confirmed");
    const confirmedAt = new Date(session.confirmedAtMs).toISOString();
    expect(repeated).toEqual({ ok: true, sessionId: session.sessionId, status: "confirmed", confirmedAt });
    await expectMovedOnce(dying);
  });
});
