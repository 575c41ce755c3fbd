import { describe, expect, test } from "vitest";
import type { Session } from "../../core/verification/session.ts";
import { claimedSession, eventsOf, expire, newSession } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";
import { type Deployment, metricsKey, useWorkers } from "./worker-fixture.ts";

const fixture = useWorkers();

async function timeoutsOf(deployment: Deployment, session: Session): Promise<number> {
  const events = await eventsOf(deployment.core, session.sessionId);
  return events.filter(({ type }) => type === "timeout").length;
}

async function recorded(deployment: Deployment, session: Session): Promise<void> {
  await waitFor("the timeout is recorded", async () => (await timeoutsOf(deployment, session)) > 0);
}

async function countedBy(url: string, by: string): Promise<number> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${metricsKey}` } });
  const line = new RegExp(`callseal_timeouts_recorded_total\\{by="${by}"\\} (\\d+)`).exec(await response.text());
  return Number(line?.[1] ?? 0);
}

/** More than a test lasts: then only the job can have done it. */
const never = { timeoutGraceMs: 600_000 };

describe("the timeout of a session", () => {
  test("[W40] is recorded by its job, once", async () => {
    const deployment = await fixture.deploy({});
    const { session } = await deployment.core.sessions.create(newSession({ ttlSeconds: 1 }));
    const worker = await deployment.startWorker(never);
    for (let index = 0; index < 5; index++) deployment.jobs.addTimeout(session.sessionId, 1020);
    await recorded(deployment, session);
    expect(await timeoutsOf(deployment, session)).toBe(1);
    expect(await countedBy(worker.url, "job")).toBe(1);
    expect((await deployment.core.sessions.read(session.sessionId, "acme"))?.status).toBe("timeout");
  });

  test("[W40] is recorded when it is due, though its job comes early", async () => {
    const deployment = await fixture.deploy({});
    const { session } = await deployment.core.sessions.create(newSession({ ttlSeconds: 1 }));
    const worker = await deployment.startWorker(never);
    deployment.jobs.addTimeout(session.sessionId, 0);
    await recorded(deployment, session);
    const event = (await eventsOf(deployment.core, session.sessionId)).find(({ type }) => type === "timeout");
    expect(Number(event!["time"])).toBeGreaterThanOrEqual(session.expiresAtMs);
    expect(await countedBy(worker.url, "job")).toBe(1);
  });

  test("[W40] is recorded by the reconciler when there is no job", async () => {
    const deployment = await fixture.deploy({});
    const { session } = await deployment.core.sessions.create(newSession());
    await expire(deployment.core, session.sessionId, 1000);
    const worker = await deployment.startWorker();
    await recorded(deployment, session);
    expect(await timeoutsOf(deployment, session)).toBe(1);
    expect(await countedBy(worker.url, "reconciler")).toBe(1);
  });

  test("[W40] of two hundred sessions at once is recorded once each by two reconcilers", async () => {
    const deployment = await fixture.deploy({});
    const created = await Promise.all(
      Array.from({ length: 200 }, () => deployment.core.sessions.create(newSession({ ttlSeconds: 60 }))),
    );
    await Promise.all(created.map(({ session }) => expire(deployment.core, session.sessionId, 2000)));
    await Promise.all([deployment.startWorker(), deployment.startWorker()]);
    for (const { session } of created) {
      await recorded(deployment, session);
      expect(await timeoutsOf(deployment, session)).toBe(1);
    }
  });

  test("[W40] is none for a session that was confirmed before", async () => {
    const deployment = await fixture.deploy({});
    const { session, proof } = await claimedSession(deployment.core, { mode: "none" });
    await deployment.core.sessions.decide(proof);
    const worker = await deployment.startWorker();
    deployment.jobs.addTimeout(session.sessionId, 0);
    const done = async () => {
      const response = await fetch(`${worker.url}/metrics`, { headers: { authorization: `Bearer ${metricsKey}` } });
      return (await response.text()).includes('callseal_jobs_total{queue="timeout",result="completed"} 1');
    };
    await waitFor("the job is done", done);
    expect(await timeoutsOf(deployment, session)).toBe(0);
    expect((await deployment.core.sessions.read(session.sessionId, "acme"))?.status).toBe("confirmed");
  });
});
