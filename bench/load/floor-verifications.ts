import { createPrivateKey } from "node:crypto";
import { signCompact } from "../../test/support/enrol-device.ts";
import { proofClaims } from "./floor-confirms.ts";
import { HttpClient } from "./http-client.ts";
import type { ProviderStandIn } from "./provider-stand-in.ts";
import { SocketIoClient } from "./socket-io-client.ts";
import { newBareCall } from "./start-call.ts";
import type { VerificationTarget } from "./verification-load.ts";

export interface FloorVerificationsOptions {
  gatewayUrl: string;
  privateJwk: Record<string, unknown>;
  lanes: number;
}

/** The same verifications against the bare parts: the same requests and frames, and the same signatures. */
export async function openFloorVerifications(
  options: FloorVerificationsOptions,
  platform: ProviderStandIn,
): Promise<VerificationTarget> {
  const { gatewayUrl, lanes } = options;
  const http = new HttpClient();
  const key = createPrivateKey({ key: options.privateJwk, format: "jwk" });
  const sockets = await Promise.all(Array.from({ length: lanes }, () => SocketIoClient.open({ url: gatewayUrl })));
  return {
    lanes,
    async verify(lane) {
      const socket = sockets[lane]!;
      const { body } = await http.send({ method: "POST", url: `${gatewayUrl}/sessions`, json: newBareCall() });
      const id = String(body["sessionId"]);
      const answered = http.send({ method: "GET", url: `${gatewayUrl}/sessions/${id}` });
      const moved = platform.arrival(id);
      await socket.ask("claim", { id });
      const proof = signCompact(key, { alg: "ES256", typ: "callseal-confirmation+jwt", kid: id }, proofClaims(id));
      await Promise.all([answered, moved, socket.ask("confirm", { id, proof })]);
    },
    async close() {
      for (const socket of sockets) socket.close();
      await http.close();
    },
  };
}
