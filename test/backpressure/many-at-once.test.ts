import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { useGateways } from "../support/gateway.ts";
import { startLiveDeployment } from "../support/live-deployment.ts";

const fixture = useGateways();

test("[S63] two thousand connections that come in one moment wait to be accepted, and none is put off or reset", async () => {
  const live = await startLiveDeployment(fixture);
  const gateway = await live.spawnGateway();
  // It accepts nothing now: what is connected is what the kernel keeps for it.
  gateway.child.kill("SIGSTOP");
  const sockets = Array.from({ length: 2000 }, () => connect(gateway.port, "127.0.0.1"));
  fixture.closeAfter(() => {
    for (const socket of sockets) socket.destroy();
  });
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  gateway.child.kill("SIGCONT");
  const answers = sockets.map(async (socket) => {
    socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let heard = "";
    for await (const chunk of socket) heard += String(chunk);
    return heard.split("\r\n")[0];
  });
  expect(new Set(await Promise.all(answers))).toEqual(new Set(["HTTP/1.1 200 OK"]));
});
