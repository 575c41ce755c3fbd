import { Queue } from "bullmq";
import { describe, expect, onTestFinished, test } from "vitest";
import { interceptQueue, queuePrefix } from "../../core/queue/queues.ts";
import { sessionKeys } from "../../core/redis/keys.ts";
import { OwedWork } from "../../core/redis/owed-work.ts";
import { newSession, redisNowMs } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";
import { answerWith, startTarget } from "./delivery/start-target.ts";
import { type Deployment, useWorkers } from "./worker-fixture.ts";

const fixture = useWorkers();
const secret = `whsec_${Buffer.from("a-secret-of-at-least-24-bytes").toString("base64")}`;

/** A tenant whose own endpoint moves calls, and a confirmed session whose job was never added. */
async function owedIntercept() {
  const target = await startTarget(answerWith(204));
  onTestFinished(target.close);
  const deployment = await fixture.deploy({ generic: { mode: "webhook", url: target.url, secrets: [secret] } });
  const session = await deployment.confirm({ mode: "webhook" });
  return { target, deployment, session, sessionId: session.sessionId };
}

function openQueue(deployment: Deployment): Queue {
  const connection = deployment.core.connections.open("queue");
  const queue = new Queue(interceptQueue.name, { connection, prefix: queuePrefix(deployment.core.keyspace.prefix) });
  queue.on("error", () => undefined);
  fixture.closeAfter(() => queue.close());
  return queue;
}

const reconciled = (deployment: Deployment) => deployment.logs.filter(({ event }) => event === "intercept.reconciled");

describe("a confirmation whose gateway died before it added the job", () => {
  test("[W38] moves the call all the same, within a second or two", async () => {
    const { target, deployment, sessionId } = await owedIntercept();
    await deployment.startWorker();
    const moved = await deployment.settled(sessionId);
    expect(moved.intercept).toEqual({ status: "succeeded", attempts: 1 });
    expect(target.requests).toHaveLength(1);
    const [event] = await deployment.interceptEvents(sessionId);
    console.info(`confirmed without a job, moved after ${event!.data["durationMs"]} ms`);
    expect(event!.data["durationMs"]).toBeGreaterThanOrEqual(500);
    expect(event!.data["durationMs"]).toBeLessThan(5000);
    expect(reconciled(deployment)).toMatchObject([{ sessionId, action: "added", correlationId: "corr-0001" }]);
  });

  test("[W38] is moved once, though three workers look for it", async () => {
    const { target, deployment, sessionId } = await owedIntercept();
    await Promise.all([deployment.startWorker(), deployment.startWorker(), deployment.startWorker()]);
    expect((await deployment.settled(sessionId)).intercept).toEqual({ status: "succeeded", attempts: 1 });
    expect(target.requests).toHaveLength(1);
  });

  test("[W38] every partition is looked at", async () => {
    const { deployment } = await owedIntercept();
    const sessions = await Promise.all(Array.from({ length: 60 }, () => deployment.confirm({ mode: "webhook" })));
    const { keyspace } = deployment.core;
    expect(new Set(sessions.map(({ sessionId }) => sessionKeys(keyspace, sessionId).owed)).size).toBeGreaterThan(10);
    await deployment.startWorker();
    for (const { sessionId } of sessions) {
      expect((await deployment.settled(sessionId)).intercept.status).toBe("succeeded");
    }
  });

  test("[W38] leaves the fast path alone: what has its job is not looked for", async () => {
    const { deployment, sessionId } = await owedIntercept();
    await deployment.startWorker({ interceptGraceMs: 60_000 });
    deployment.jobs.addIntercept(sessionId, "corr-fast");
    await deployment.settled(sessionId);
    expect(reconciled(deployment)).toEqual([]);
  });
});

describe("a job that is in the way", () => {
  test.each(["completed", "failed"] as const)(
    "[W39] one that %s is kept, and the owed call moves all the same",
    async (state) => {
      const { target, deployment, sessionId } = await owedIntercept();
      const queue = openQueue(deployment);
      const jobId = interceptQueue.jobId(sessionId);
      await queue.add(
        "intercept",
        { sessionId, correlationId: "corr-old" },
        { ...interceptQueue.options, jobId, attempts: 1 },
      );
      await finishJob(deployment, state);
      expect(await queue.getJobState(jobId)).toBe(state);
      await deployment.startWorker();
      expect((await deployment.settled(sessionId)).intercept.status).toBe("succeeded");
      expect(target.requests).toHaveLength(1);
      expect(reconciled(deployment)).toMatchObject([{ action: "added_again" }]);
    },
  );

  test("[W39] one that waits for a time which another clock set is taken at once", async () => {
    const { deployment, sessionId } = await owedIntercept();
    const queue = openQueue(deployment);
    const options = { ...interceptQueue.options, jobId: interceptQueue.jobId(sessionId), delay: 300_000 };
    await queue.add("intercept", { sessionId, correlationId: "corr-late" }, options);
    await deployment.startWorker();
    expect((await deployment.settled(sessionId)).intercept.status).toBe("succeeded");
    expect(reconciled(deployment)).toMatchObject([{ action: "promoted" }]);
  });
});

/** Takes the one job that waits and ends it as a worker of somebody else would. */
async function finishJob(deployment: Deployment, state: "completed" | "failed"): Promise<void> {
  const { Worker } = await import("bullmq");
  const connection = deployment.core.connections.open("worker");
  const prefix = queuePrefix(deployment.core.keyspace.prefix);
  const process = async () => {
    if (state === "failed") throw new Error("somebody else's bug");
  };
  const worker = new Worker(interceptQueue.name, process, { connection, prefix });
  await new Promise<void>((resolve) => worker.once(state, () => resolve()));
  await worker.close();
}

describe("what is owed", () => {
  const lookAt = async (deployment: Deployment, interceptGraceMs = 500) => {
    const { core } = deployment;
    const nowMs = await redisNowMs(core);
    const owed = new OwedWork(core.redis, core.keyspace);
    return await owed.findOverdue({ nowMs, interceptGraceMs, timeoutGraceMs: 1000, limit: 50 });
  };

  test("[W48] is due from the confirmation on, again when a claim runs out, and when the next attempt was to come", async () => {
    const { deployment, sessionId } = await owedIntercept();
    const { sessions } = deployment.core;
    expect((await lookAt(deployment, 0)).intercepts).toEqual([sessionId]);
    expect((await lookAt(deployment, 60_000)).intercepts).toEqual([]);
    await sessions.claimIntercept(sessionId, { token: "a", leaseMs: 100_000 });
    expect((await lookAt(deployment, -60_000)).intercepts).toEqual([]);
    expect((await lookAt(deployment, -100_000)).intercepts).toEqual([sessionId]);
    const end = { token: "a", result: "retryable", correlationId: "corr", event: {}, againInMs: 200_000 } as const;
    await sessions.completeIntercept(sessionId, end);
    expect((await lookAt(deployment, -100_000)).intercepts).toEqual([]);
    expect((await lookAt(deployment, -200_000)).intercepts).toEqual([sessionId]);
  });

  test("[W48] is gone when it was done, and does not come back by being looked at", async () => {
    const { deployment, sessionId } = await owedIntercept();
    const { core } = deployment;
    const { outcome } = await core.sessions.completeIntercept(sessionId, {
      token: "",
      result: "succeeded",
      correlationId: "corr",
      event: {},
    });
    expect(outcome).toBe("recorded");
    await new OwedWork(core.redis, core.keyspace).lookAgainAt(sessionId, (await redisNowMs(core)) - 10_000);
    expect((await lookAt(deployment)).intercepts).toEqual([]);
  });

  test("[W48] by a session whose record is gone is forgotten", async () => {
    const { deployment, sessionId } = await owedIntercept();
    const keys = sessionKeys(deployment.core.keyspace, sessionId);
    await fixture.admin.del(keys.session);
    await deployment.startWorker();
    await waitFor("it is forgotten", async () => (await fixture.admin.exists(keys.owed)) === 0);
  });

  test("[W48] of many, only a page a partition is read, and the rest is announced", async () => {
    const { deployment } = await owedIntercept();
    await Promise.all(
      Array.from({ length: 100 }, () => deployment.core.sessions.create(newSession({ ttlSeconds: 1 }))),
    );
    const { core } = deployment;
    const owed = new OwedWork(core.redis, core.keyspace);
    const nowMs = (await redisNowMs(core)) + 5000;
    const page = await owed.findOverdue({ nowMs, interceptGraceMs: 0, timeoutGraceMs: 0, limit: 2 });
    expect(page.more).toBe(true);
    expect(page.timeouts.length).toBeLessThanOrEqual(32);
    const all = await owed.findOverdue({ nowMs, interceptGraceMs: 0, timeoutGraceMs: 0, limit: 100 });
    expect(all).toMatchObject({ more: false });
    expect(new Set(all.timeouts).size).toBe(100);
  });
});

describe("connections that are cut", () => {
  test("[W50] again and again delay calls and lose none, and each is one message to its receiver", async () => {
    const { target, deployment, session } = await owedIntercept();
    const others = await Promise.all(Array.from({ length: 30 }, () => deployment.confirm({ mode: "webhook" })));
    const sessions = [session, ...others];
    await deployment.startWorker({ concurrency: 2 });
    for (const { sessionId } of sessions) deployment.jobs.addIntercept(sessionId, "corr-cut");
    let cut = 0;
    for (const wanted of [1, 8, 15]) {
      await target.received(wanted);
      cut += Number(await fixture.admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"));
    }
    expect(cut).toBeGreaterThanOrEqual(12);
    for (const { sessionId } of sessions) {
      const { intercept } = await deployment.settled(sessionId, 15_000);
      expect(intercept.status).toBe("succeeded");
      expect((await deployment.interceptEvents(sessionId)).map(({ type }) => type)).toEqual(["intercept_success"]);
    }
    const messages = new Set(target.requests.map(({ headers }) => headers["webhook-id"]));
    expect(messages.size).toBe(sessions.length);
  });
});

describe("an idle worker", () => {
  test("[W46] asks Redis less than 400 times a second", async () => {
    const deployment = await fixture.deploy({});
    await deployment.startWorker();
    const calls = async () => {
      const stats = (await fixture.admin.info("stats")) as string;
      return Number(/total_commands_processed:(\d+)/.exec(stats)![1]);
    };
    const before = { calls: await calls(), at: performance.now() };
    await waitFor("three seconds have been measured", () => performance.now() - before.at > 3000, { everyMs: 100 });
    const perSecond = ((await calls()) - before.calls) / ((performance.now() - before.at) / 1000);
    console.info(`an idle worker: ${Math.round(perSecond)} commands a second, with what its scripts call`);
    expect(perSecond).toBeLessThan(400);
  });
});
