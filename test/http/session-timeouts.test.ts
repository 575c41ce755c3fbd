import { Queue } from "bullmq";
import { describe, expect, test } from "vitest";
import { createLogger } from "../../core/logging/create-logger.ts";
import { JobQueues } from "../../core/queue/job-queues.ts";
import { queuePrefix, timeoutQueue } from "../../core/queue/queues.ts";
import type { Session } from "../../core/verification/session.ts";
import { Background } from "../../server/background.ts";
import { SessionTimeouts } from "../../server/sessions/session-timeouts.ts";
import { useCore } from "../support/use-core.ts";
import { claimedSession, newSession } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useCore();

function deploy() {
  const core = fixture.open();
  const logger = createLogger({ level: "silent", process: "test" });
  const { prefix: redisPrefix } = core.keyspace;
  const openTimeouts = () => {
    const jobs = new JobQueues(core.connections.open("queue"), { redisPrefix, logger });
    const background = new Background(logger);
    const timeouts = new SessionTimeouts({ jobs, sessions: core.sessions, background });
    fixture.closeAfter(async () => {
      timeouts.close();
      await background.settle();
      await jobs.close();
    });
    return { timeouts, jobs };
  };
  const connection = core.connections.open("queue");
  const queue = new Queue(timeoutQueue.name, { connection, prefix: queuePrefix(redisPrefix) });
  fixture.closeAfter(() => queue.close());
  const jobOf = (session: Session) => queue.getJob(timeoutQueue.jobId(session.sessionId));
  const begin = async (timeouts: SessionTimeouts, ttlSeconds = 1) => {
    const { session } = await core.sessions.create(newSession({ ttlSeconds }));
    timeouts.begin(session);
    return session;
  };
  return { core, openTimeouts, jobOf, begin };
}

describe("the job that records a session's timeout", () => {
  test("[W53] is added when half of the session's time is over, for its end", async () => {
    const { openTimeouts, jobOf, begin } = deploy();
    const { timeouts } = openTimeouts();
    const session = await begin(timeouts, 6);
    const job = await waitFor("the job is there", () => jobOf(session));
    expect(job.timestamp).toBeGreaterThanOrEqual(session.createdAtMs + 2900);
    expect(Math.abs(job.timestamp + job.delay - session.expiresAtMs)).toBeLessThan(2000);
  });

  test("[W53] is none for a session that has ended before, on this gateway or on another", async () => {
    const { core, openTimeouts, jobOf, begin } = deploy();
    const { timeouts } = openTimeouts();
    const here = await begin(timeouts, 3);
    timeouts.end(here);
    const elsewhere = await claimedSession(core, { ttlSeconds: 3 });
    timeouts.begin(elsewhere.session);
    expect((await core.sessions.decide(elsewhere.proof)).outcome).toBe("confirmed");
    const witness = await begin(timeouts, 3);
    await waitFor("a later session's job is there", () => jobOf(witness));
    expect(await jobOf(here)).toBeUndefined();
    expect(await jobOf(elsewhere.session)).toBeUndefined();
  });

  test("[W53] is removed when the session ends in the second half of its time, on whichever gateway", async () => {
    const { core, openTimeouts, jobOf, begin } = deploy();
    const [first, second] = [openTimeouts(), openTimeouts()];
    for (const { timeouts } of [first, second]) {
      const session = await begin(first.timeouts, 2);
      await waitFor("the job is there", () => jobOf(session));
      const { session: canceled } = await core.sessions.cancel(session.sessionId, "acme", "corr-0003");
      timeouts.end(canceled!);
      await waitFor("the job is gone", async () => (await jobOf(session)) === undefined);
    }
  });

  test("[W53] is left behind by a gateway that stops, for every session that it began", async () => {
    const { openTimeouts, jobOf, begin } = deploy();
    const { timeouts, jobs } = openTimeouts();
    const sessions = await Promise.all(Array.from({ length: 20 }, () => begin(timeouts, 60)));
    for (const session of sessions) expect(await jobOf(session)).toBeUndefined();
    timeouts.close();
    await jobs.settle();
    for (const session of sessions) {
      const job = await jobOf(session);
      expect(Math.abs(job!.timestamp + job!.delay - session.expiresAtMs)).toBeLessThan(10_000);
    }
  });
});
