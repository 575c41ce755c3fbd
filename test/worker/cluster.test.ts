import { afterEach, expect, onTestFinished, test } from "vitest";
import { openCore } from "../support/open-core.ts";
import { startRedisCluster } from "../support/start-redis-cluster.ts";
import { eventsOf, expire, newSession } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";
import { startTarget } from "./delivery/start-target.ts";
import { deployOn } from "./worker-fixture.ts";

const secret = `whsec_${Buffer.from("a-secret-of-at-least-24-bytes").toString("base64")}`;
const closers: (() => Promise<unknown> | unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

test("[W51] on a Redis Cluster calls are moved through faults, with and without their job, and timeouts recorded", async () => {
  const cluster = await startRedisCluster();
  closers.push(cluster.close);
  const core = openCore(cluster.url);
  closers.push(core.close);
  let requests = 0;
  const target = await startTarget((response) => {
    requests += 1;
    response.writeHead(requests % 3 === 0 ? 503 : 204).end();
  });
  onTestFinished(target.close);
  const host = { url: cluster.url, core, closeAfter: (close: () => unknown) => void closers.push(close) };
  const generic = { mode: "webhook" as const, url: target.url, secrets: [secret] };
  const deployment = await deployOn(host, { providers: { generic } });
  const sessions = await Promise.all(Array.from({ length: 20 }, () => deployment.confirm({ mode: "webhook" })));
  const { session: over } = await core.sessions.create(newSession());
  await expire(core, over.sessionId, 1000);
  const worker = await deployment.startWorker();
  const ready = async () => (await fetch(`http://127.0.0.1:${worker.port}/readyz`)).status === 200;
  await waitFor("the worker is ready", ready);
  for (const { sessionId } of sessions.slice(10)) deployment.jobs.addIntercept(sessionId, "corr-cluster");
  for (const { sessionId } of sessions) {
    expect((await deployment.settled(sessionId)).intercept.status).toBe("succeeded");
  }
  const timedOut = async () => (await eventsOf(core, over.sessionId)).some(({ type }) => type === "timeout");
  await waitFor("the timeout is recorded", timedOut);
  expect(new Set(target.requests.map(({ headers }) => headers["webhook-id"])).size).toBe(20);
  expect(requests).toBeGreaterThan(20);
});
