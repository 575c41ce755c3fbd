import { IncomingMessage } from "node:http";
import { queryObjects } from "node:v8";
import { expect, test } from "vitest";
import { enrolDevice } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useGateways();

test("[D31] a socket that is signed in keeps nothing of the request that opened it", async () => {
  const deployment = await fixture.start();
  const devices = await Promise.all(Array.from({ length: 20 }, () => enrolDevice(deployment)));
  const requests = () => queryObjects(IncomingMessage, { format: "count" });
  const before = requests();
  const sockets = await Promise.all(devices.map((device) => openDeviceSocket(fixture, deployment.gateway, device)));
  // Once they have been answered nothing is under way that a collection of garbage could hold up.
  for (const socket of sockets)
    expect(await socket.ask("claim", { did: "000000" })).toMatchObject({ code: "wrong_did" });
  // Others of this process come and go; a request kept by each socket would be twenty more for good.
  const few = before + devices.length / 2;
  await waitFor("the requests are gone", () => requests() < few, { everyMs: 500 });
});
