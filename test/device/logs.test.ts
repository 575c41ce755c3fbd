import { expect, test } from "vitest";
import { type ChallengeLike, enrolDevice } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession } from "../support/open-session.ts";
import { assertNoSecrets } from "../support/secret-book.ts";
import { handshakeRefusal } from "./forge.ts";

const fixture = useGateways();
const phone = "+14155550123";

test("[D25] the log of a device's whole day names its requests and none of its secrets", async () => {
  const deployment = await fixture.start();
  const device = await enrolDevice(deployment, { phones: [phone], phone });
  const token = device.token();
  const socket = await openDeviceSocket(fixture, deployment.gateway, device, { token });
  await handshakeRefusal(openDeviceSocket(fixture, deployment.gateway, device, { token }));
  const session = await openSession(deployment, { ani: phone });
  const { challenge } = (await socket.next("offer")) as unknown as { challenge: ChallengeLike & { jws: string } };
  const wrong = device.proof(challenge, { mth: "push", match: "no" });
  expect((await socket.ask("confirm", { proof: wrong })).code).toBe("wrong_did");
  await socket.ask("confirm", { proof: "not-a-proof-at-all" });
  await socket.ask("claim", { did: "987654321" });
  const claimed = (await socket.ask("claim", { did: session.did })).challenge!;
  const proof = device.proof(claimed, { did: session.did });
  expect((await socket.ask("confirm", { proof })).status).toBe("confirmed");
  const { receipt } = (await session.get()).body;
  const agent = await openDeviceSocket(fixture, deployment.gateway, undefined, {
    namespace: "/console",
    token: deployment.keys.agent,
  });
  expect((await agent.ask("watch", { sessionId: session.sessionId })).ok).toBe(true);

  const events = deployment.lines.map((line) => (JSON.parse(line) as { event: string }).event);
  const expected = ["device.refused", "confirm.refused", "claim.refused", "claim.accepted", "confirm.accepted"];
  for (const event of [...expected, "console.watch.accepted"]) expect(events).toContain(event);
  const secrets = [token, wrong, proof, receipt, challenge.jws, String(claimed["jws"]), phone, deployment.keys.agent];
  const signatures = [token, wrong, proof, receipt].map((jws) => jws.split(".")[2]!);
  const codes = [session.did, "987654321", "not-a-proof-at-all", challenge.nonce, claimed.nonce];
  assertNoSecrets(deployment.lines, [...secrets, ...signatures, ...codes]);
});
