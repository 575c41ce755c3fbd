import { createPrivateKey, type KeyObject, randomUUID } from "node:crypto";
import { nowSeconds, signCompact } from "../../test/support/enrol-device.ts";
import type { BenchDevice } from "../stack/enrol-devices.ts";
import { SocketIoClient } from "./socket-io-client.ts";

interface Challenge {
  sessionId: string;
  callId: string;
  provider: string;
  generation: number;
  nonce: string;
}

/** An enrolled phone on the wire alone: nothing of the SDK is in the measured path. */
export class CallerPhone {
  readonly #device: BenchDevice;
  readonly #key: KeyObject;
  readonly #origin: string;
  #socket: SocketIoClient | undefined;

  constructor(device: BenchDevice, origin: string) {
    this.#device = device;
    this.#key = createPrivateKey({ key: device.privateJwk, format: "jwk" });
    this.#origin = origin;
  }

  token(): string {
    return this.#sign("callseal-device+jwt", {});
  }

  async connect(gatewayUrl: string): Promise<void> {
    this.#socket = await SocketIoClient.open({ url: gatewayUrl, namespace: "/device", auth: { token: this.token() } });
  }

  /** Types the code that was spoken and signs the answer to the challenge. */
  async claim(did: string): Promise<string> {
    const ack = await this.#socket!.ask("claim", { did });
    if (ack["ok"] !== true) throw new Error(`a claim was refused: ${JSON.stringify(ack)}`);
    const { sessionId, callId, provider, generation, nonce } = ack["challenge"] as Challenge;
    return this.#sign("callseal-confirmation+jwt", {
      sid: sessionId,
      cid: callId,
      prv: provider,
      gen: generation,
      nonce,
      dec: "confirm",
      call: "outgoing",
      did,
    });
  }

  /** Sends a proof; `onAck` is called when it was accepted, and an error is thrown into the loop when it was not. */
  confirm(proof: string, onAck: () => void): void {
    this.#socket!.emit("confirm", { proof }, (ack) => {
      if (ack["ok"] !== true) throw new Error(`a proof was refused: ${JSON.stringify(ack)}`);
      onAck();
    });
  }

  close(): void {
    this.#socket?.close();
  }

  #sign(typ: string, claims: Record<string, unknown>): string {
    const { deviceId } = this.#device;
    const iat = nowSeconds();
    const common = { iss: deviceId, aud: this.#origin, iat, exp: iat + 60, jti: randomUUID() };
    return signCompact(this.#key, { alg: "ES256", typ, kid: deviceId }, { ...common, ...claims });
  }
}
