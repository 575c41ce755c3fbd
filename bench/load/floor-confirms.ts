import { createPrivateKey, randomUUID } from "node:crypto";
import { nowSeconds, signCompact } from "../../test/support/enrol-device.ts";
import type { ConfirmTarget } from "./confirm-load.ts";
import { HttpClient } from "./http-client.ts";
import type { ProviderStandIn } from "./provider-stand-in.ts";
import { SocketIoClient } from "./socket-io-client.ts";

export interface FloorConfirmsOptions {
  deviceGatewayUrl: string;
  pollGatewayUrl?: string;
  privateJwk: Record<string, unknown>;
  sockets: number;
}

/** The same load against the bare chain: as many sockets, a signed message as long as a proof, a poll or a request. */
export async function openFloorConfirms(
  options: FloorConfirmsOptions,
  provider: ProviderStandIn,
): Promise<ConfirmTarget> {
  const { deviceGatewayUrl, pollGatewayUrl } = options;
  const http = new HttpClient();
  const key = createPrivateKey({ key: options.privateJwk, format: "jwk" });
  const sockets = await Promise.all(
    Array.from({ length: options.sockets }, () => SocketIoClient.open({ url: deviceGatewayUrl })),
  );
  return {
    async prepare(index) {
      const id = randomUUID();
      const proof = signCompact(key, { alg: "ES256", typ: "callseal-confirmation+jwt", kid: id }, proofClaims(id));
      const arrived =
        pollGatewayUrl === undefined
          ? provider.arrival(id)
          : http.send({ method: "GET", url: `${pollGatewayUrl}/wait/${id}` }).then(({ at }) => at);
      return { arrived, fire: (onAck) => sockets[index % sockets.length]!.emit("confirm", { id, proof }, onAck) };
    },
    async close() {
      for (const socket of sockets) socket.close();
      await http.close();
    },
  };
}

/** The claims of a proof, as long as those of a real one. */
export function proofClaims(id: string): Record<string, unknown> {
  const iat = nowSeconds();
  const common = { iss: id, aud: "https://callseal.bench", iat, exp: iat + 60, jti: id };
  return { ...common, sid: id, cid: id, prv: "generic", gen: 1, nonce: "n".repeat(22), dec: "confirm", did: "123456" };
}
