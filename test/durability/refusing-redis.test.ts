import type { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { enrolDevice } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession, postSession } from "../support/open-session.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useGateways();

const refusals: [answer: string, begin: (admin: Redis) => Promise<unknown>, end: (admin: Redis) => Promise<unknown>][] =
  [
    [
      "NOREPLICAS",
      (admin) => admin.config("SET", "min-replicas-to-write", "1"),
      (admin) => admin.config("SET", "min-replicas-to-write", "0"),
    ],
    ["OOM", (admin) => admin.config("SET", "maxmemory", "1"), (admin) => admin.config("SET", "maxmemory", "0")],
    ["READONLY", (admin) => admin.replicaof("127.0.0.1", 1), (admin) => admin.replicaof("NO", "ONE")],
  ];

describe.each(refusals)("a Redis that answers %s", (_answer, begin, end) => {
  test("[C71] makes every request `unavailable` with Retry-After, never an internal fault, and the same proof counts later", async () => {
    const deployment = await fixture.start({ allowErrors: true });
    const { admin } = fixture.core;
    const device = await enrolDevice(deployment);
    const socket = await openDeviceSocket(fixture, deployment.gateway, device);
    const session = await openSession(deployment);
    const { challenge } = await socket.ask("claim", { did: session.did });
    const proof = device.proof(challenge!, { did: session.did });

    await begin(admin);
    try {
      for (const answer of [
        await postSession(deployment),
        await session.post("cancel"),
        await session.post("call-ended", {}),
      ]) {
        expect(answer).toMatchObject({ status: 503, body: { code: "unavailable" } });
        expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
      }
      expect((await session.get()).status).not.toBe(500);
      expect(await socket.ask("confirm", { proof })).toMatchObject({ ok: false, code: "unavailable", advice: "retry" });
    } finally {
      await end(admin);
    }
    await waitFor("the proof is acknowledged", async () => (await socket.ask("confirm", { proof })).ok);
    expect((await session.get()).body["status"]).toBe("confirmed");
  });
});
