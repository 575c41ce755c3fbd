import { expect, test } from "vitest";
import { createLogger } from "../../core/logging/create-logger.ts";
import { Background } from "../../server/background.ts";
import { enrolDevice } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession } from "../support/open-session.ts";
import { testTenant } from "../support/test-tenants.ts";

const fixture = useGateways();
const phone = "+14155550123";

test("[D24] what background work starts in its turn is waited for as well", async () => {
  const background = new Background(createLogger({ level: "silent", process: "test" }));
  const steps: string[] = [];
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  background.run("first", async () => {
    await first.promise;
    background.run("second", async () => {
      await second.promise;
      steps.push("second");
    });
    steps.push("first");
    setImmediate(second.resolve);
  });
  first.resolve();
  await background.settle();
  expect(steps).toEqual(["first", "second"]);
});

test("[D24] a gateway that stops amid offers and requests finishes them, and its sockets find another", async () => {
  const limits = { offersPer10Min: 100, offersSinceConfirmation: 100, sessionsPerMinutePerAni: 100 };
  const deployment = await fixture.start({ gateways: 2, tenants: [testTenant({ limits })] });
  const [stopping, staying] = deployment.gateways as [(typeof deployment.gateways)[0], (typeof deployment.gateways)[0]];
  const device = await enrolDevice(deployment, { phones: [phone] });
  const socket = await openDeviceSocket(fixture, stopping, device);
  const gone = new Promise<string>((left) => socket.raw.once("disconnect", left));
  const { did, sessionId } = await openSession(deployment);
  const { challenge } = await socket.ask("claim", { did });
  const proof = device.proof(challenge!, { did });
  // Offers are made after the answer, and these requests wait for each other: the stop comes upon all of them.
  await Promise.all(Array.from({ length: 10 }, () => openSession(deployment, { ani: phone }, stopping)));
  for (let index = 0; index < 50; index += 1) socket.raw.emit("deny", { proof: "x" }, () => undefined);
  socket.raw.emit("confirm", { proof }, () => undefined);
  const startedAt = performance.now();
  await stopping.close();
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  // "io server disconnect" would keep a plain Socket.IO client from coming back by itself.
  expect(await gone).toBe("transport close");
  const again = await openDeviceSocket(fixture, staying, device);
  expect(await again.ask("confirm", { proof })).toMatchObject({ ok: true, sessionId, status: "confirmed" });
});
