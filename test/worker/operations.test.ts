import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { startEmbeddedRedis } from "../../core/redis/embedded-redis.ts";
import { sessionKeys } from "../../core/redis/keys.ts";
import { waitFor } from "../support/wait-for.ts";
import { answerWith, startTarget } from "./delivery/start-target.ts";
import { metricsKey, sessionsKey, useWorkers } from "./worker-fixture.ts";

const fixture = useWorkers();
const secret = `whsec_${Buffer.from("a-secret-of-at-least-24-bytes").toString("base64")}`;

const get = (url: string, headers: Record<string, string> = {}, method = "GET") => fetch(url, { headers, method });
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

describe("health and readiness", () => {
  test("[W44] a worker that takes jobs is live and ready", async () => {
    const { startWorker } = await fixture.deploy({});
    const { url } = await startWorker();
    expect(await (await get(`${url}/healthz`)).json()).toEqual({ status: "ok" });
    const ready = await get(`${url}/readyz`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toEqual({
      status: "ready",
      checks: { redis: "ok", queue: "ok", intercepts: "ok", timeouts: "ok", eventLoop: "ok", process: "ok" },
    });
    expect(ready.headers.get("cache-control")).toBe("no-store");
  });

  test("[W44] without Redis it is live and not ready, says what is wrong, and logs it once", async () => {
    const redis = await startEmbeddedRedis();
    onTestFinished(redis.close);
    const { startWorker, logs } = await fixture.deploy({});
    const worker = await startWorker({}, { REDIS_URL: redis.url });
    expect((await get(`${worker.url}/readyz`)).status).toBe(200);
    process.kill(redis.pid, "SIGKILL");
    await redis.exited;
    const notReady = async () => {
      const response = await get(`${worker.url}/readyz`);
      return response.status === 503 ? await response.json() : undefined;
    };
    const answer = await waitFor("it is not ready", notReady);
    expect(answer).toMatchObject({ status: "not_ready", checks: { intercepts: "takes no jobs", process: "ok" } });
    expect((answer as { checks: Record<string, string> }).checks["redis"]).not.toBe("ok");
    expect((await get(`${worker.url}/healthz`)).status).toBe(200);
    const metrics = await get(`${worker.url}/metrics`, bearer(metricsKey));
    expect(metrics.status).toBe(200);
    const failed = logs
      .filter(({ event }) => event === "redis.failed" || event === "queue.failed")
      .map(({ event, role, queue, err }) => JSON.stringify([event, role, queue, (err as Error).message]));
    expect(failed.length).toBeGreaterThan(0);
    expect(new Set(failed).size).toBe(failed.length);
    await worker.close();
  });
});

describe("metrics", () => {
  test("[W44] need a key with the scope metrics", async () => {
    const { startWorker } = await fixture.deploy({});
    const { url } = await startWorker();
    for (const [headers, status, code] of [
      [{}, 401, "unauthenticated"],
      [bearer("cs_test_of_nobody"), 401, "unauthenticated"],
      [{ authorization: `Basic ${metricsKey}` }, 401, "unauthenticated"],
      [bearer(sessionsKey), 403, "forbidden"],
    ] as const) {
      const response = await get(`${url}/metrics`, { ...headers, "x-correlation-id": "corr-of-a-test" });
      expect(response.status).toBe(status);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(response.headers.get("x-correlation-id")).toBe("corr-of-a-test");
      expect(await response.json()).toMatchObject({ status, code, correlationId: "corr-of-a-test" });
    }
  });

  test("[W44] count attempts by provider and outcome, time to redirect, jobs and queue depth", async () => {
    const target = await startTarget(answerWith(204));
    onTestFinished(target.close);
    const deployment = await fixture.deploy({ generic: { mode: "webhook", url: target.url, secrets: [secret] } });
    const worker = await deployment.startWorker();
    const session = await deployment.confirm({ mode: "webhook" });
    deployment.jobs.addIntercept(session.sessionId, "corr-0001");
    deployment.jobs.addTimeout(session.sessionId, 60_000);
    await deployment.settled(session.sessionId);
    const read = async () => await (await get(`${worker.url}/metrics`, bearer(metricsKey))).text();
    const text = await waitFor("the job is counted", async () => {
      const found = await read();
      return found.includes('callseal_jobs_total{queue="intercept",result="completed"} 1') && found;
    });
    expect(text).toContain('callseal_intercept_attempts_total{provider="generic",outcome="redirected"} 1');
    expect(text).toContain('callseal_intercepts_total{provider="generic",result="succeeded"} 1');
    expect(text).toContain('callseal_confirmation_to_redirect_seconds_count{provider="generic"} 1');
    expect(text).toContain('callseal_queue_jobs{queue="timeout",state="delayed"} 1');
    expect(text).toContain("process_cpu_seconds_total");
    expect(text).not.toContain(session.sessionId);
  });
});

describe("an attempt that Redis could not record", () => {
  test("[W44] is counted, since it was made", async () => {
    const target = await startTarget((response) => {
      void spoil().then(() => response.writeHead(204).end());
    });
    onTestFinished(target.close);
    const deployment = await fixture.deploy({ generic: { mode: "webhook", url: target.url, secrets: [secret] } });
    const { redis, keyspace } = deployment.core;
    const worker = await deployment.startWorker();
    const session = await deployment.confirm({ mode: "webhook" });
    // A record that is none makes the script fail, as a Redis that is away would.
    const spoil = () => redis.set(sessionKeys(keyspace, session.sessionId).session, "no record");
    deployment.jobs.addIntercept(session.sessionId, "corr-0001");
    await waitFor("the attempt is counted", async () => {
      const text = await (await get(`${worker.url}/metrics`, bearer(metricsKey))).text();
      return text.includes('callseal_intercept_attempts_total{provider="generic",outcome="unrecorded"} 1');
    });
  });
});

describe("the rest of its HTTP", () => {
  test.each([
    ["GET", "/"],
    ["GET", "/metricsx"],
    ["POST", "/healthz"],
    ["DELETE", "/metrics"],
    ["GET", "/scramble/caller/v1/sessions"],
    ["GET", "//healthz"],
    ["GET", "/%00"],
  ])("[W44] %s %s is not found", async (method, attacker) => {
    const { startWorker } = await fixture.deploy({});
    const { url } = await startWorker();
    const response = await get(`${url}${attacker}`, {}, method);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "not_found" });
    expect((await get(`${url}/healthz`)).status).toBe(200);
  });

  test("[W45] without PORT a taken 8081 is replaced by a free port, with a warning", async () => {
    const other = createServer();
    const taken = await new Promise<boolean>((resolve) => {
      other.once("error", () => resolve(true)).listen(8081, "127.0.0.1", () => resolve(true));
    });
    expect(taken).toBe(true);
    onTestFinished(() => void other.close());
    const { startWorker, logs } = await fixture.deploy({});
    const worker = await startWorker({}, { PORT: "" });
    expect(worker.port).not.toBe(8081);
    expect((await get(`${worker.url.replace("localhost", "127.0.0.1")}/healthz`)).status).toBe(200);
    expect(logs).toContainEqual(expect.objectContaining({ event: "port.replaced", taken: 8081, port: worker.port }));
  });

  test("[W45] a port that was asked for and is taken is an error", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void other.close());
    const { startWorker } = await fixture.deploy({});
    const PORT = String((other.address() as AddressInfo).port);
    await expect(startWorker({}, { PORT })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});
