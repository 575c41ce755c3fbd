import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { openSession } from "../support/open-session.ts";
import { type RedisProxy, startRedisProxy } from "../support/start-redis-proxy.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useGateways();

async function startBehindProxy() {
  const proxy = await startRedisProxy(fixture.core.url);
  fixture.closeAfter(() => proxy.close());
  return { proxy, deployment: await fixture.start({ redisUrl: proxy.url, allowErrors: true }) };
}

test("[S61] a gateway that stops does not wait for a connection on which nothing is asked", async () => {
  const deployment = await fixture.start();
  const silent = connect(deployment.gateway.port, "127.0.0.1");
  fixture.closeAfter(() => silent.destroy());
  await once(silent, "connect");
  // Answered on another connection: the silent one has been accepted.
  await openSession(deployment);
  const startedAt = performance.now();
  await deployment.gateway.close();
  expect(performance.now() - startedAt).toBeLessThan(4000);
});

const knowsOfIt = ({ lines }: Deployment) =>
  waitFor("a connection has failed", () => lines.some((line) => line.includes('"redis.failed"')));

test("[S61] a gateway that stops answers what is under way and does not wait for connections that clients keep open", async () => {
  const { proxy, deployment } = await startBehindProxy();
  const session = await openSession(deployment);
  // Every key of the session has the call's hash in its name.
  proxy.holdFrom(new RegExp(session.sessionId.split("_")[1]!));
  const reading = session.get();
  await waitFor("the request is under way", () => proxy.held > 0);
  const startedAt = performance.now();
  const closed = deployment.gateway.close();
  proxy.release();
  expect((await reading).status).toBe(200);
  await closed;
  expect(performance.now() - startedAt).toBeLessThan(2000);
});

test.each<[what: string, strike: (proxy: RedisProxy, deployment: Deployment) => Promise<unknown>]>([
  ["as Redis dies", (proxy) => proxy.cut()],
  ["once it knows that Redis has died", (proxy, deployment) => proxy.cut().then(() => knowsOfIt(deployment))],
  ["as Redis freezes", async (proxy) => proxy.freeze()],
])(
  "[S61] a gateway that stops %s is done within seconds, though a poll comes at that moment",
  async (_what, strike) => {
    const { proxy, deployment } = await startBehindProxy();
    const session = await openSession(deployment);
    const polling = session.get("?wait=30");
    await strike(proxy, deployment);
    expect(proxy.cuts).toBe(1);
    const answered = polling.then(
      ({ status }) => status,
      () => "connection closed",
    );
    const startedAt = performance.now();
    await deployment.gateway.close();
    expect(performance.now() - startedAt).toBeLessThan(8000);
    expect([503, "connection closed"]).toContain(await answered);
  },
);
