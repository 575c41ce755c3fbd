import { io, type Socket } from "socket.io-client";
import type { ChallengeLike, TestDevice } from "./enrol-device.ts";
import type { GatewayFixture, TestGateway } from "./gateway.ts";
import { waitFor } from "./wait-for.ts";

export interface Ack {
  ok: boolean;
  code?: string;
  advice?: string;
  retryAfterSeconds?: number;
  challenge?: ChallengeLike & Record<string, unknown>;
  sessionId?: string;
  status?: string;
  confirmedAt?: string;
  [other: string]: unknown;
}

export interface DeviceSocket {
  raw: Socket;
  /** Emits and waits for the ack, at most five seconds unless told otherwise. */
  ask(event: string, payload: unknown, options?: { withinMs?: number }): Promise<Ack>;
  /** What the gateway has sent so far, oldest first. */
  received: { event: string; payload: Record<string, unknown> }[];
  /** The first message of this name that was received and not yet taken, waited for at most five seconds. */
  next(event: string): Promise<Record<string, unknown>>;
  close(): void;
}

export interface OpenSocketOptions {
  /** Sent as `auth.token` instead of a fresh token of the device. */
  token?: unknown;
  /** Default `/device`. */
  namespace?: string;
}

/** A refused handshake: `data` as the gateway sent it. */
export class HandshakeRefused extends Error {
  readonly data: unknown;

  constructor(error: Error) {
    super(error.message);
    this.data = (error as { data?: unknown }).data;
  }
}

/** Opens a plain socket.io client for a device; rejects with HandshakeRefused. Closed after the test. */
export async function openDeviceSocket(
  fixture: Pick<GatewayFixture, "closeAfter">,
  gateway: TestGateway,
  device: Pick<TestDevice, "token"> | undefined,
  options: OpenSocketOptions = {},
): Promise<DeviceSocket> {
  const token = "token" in options ? options.token : device?.token();
  const raw = io(`${gateway.baseUrl}${options.namespace ?? "/device"}`, {
    transports: ["websocket"],
    auth: { token },
    reconnection: false,
    forceNew: true,
  });
  fixture.closeAfter(() => raw.disconnect());
  const received: DeviceSocket["received"] = [];
  raw.onAny((event: string, payload: Record<string, unknown>) => {
    gateway.secrets.addFrom(payload);
    received.push({ event, payload });
  });
  await new Promise<void>((resolve, reject) => {
    raw.once("connect", resolve);
    raw.once("connect_error", (error) => reject(new HandshakeRefused(error)));
  });
  return {
    raw,
    received,
    async ask(event, payload, { withinMs = 5000 } = {}) {
      const ack = (await raw.timeout(withinMs).emitWithAck(event, payload)) as Ack;
      gateway.secrets.addFrom(payload);
      gateway.secrets.addFrom(ack);
      return ack;
    },
    async next(event) {
      await waitFor(`the gateway sends ${event}`, () => received.some((message) => message.event === event));
      const index = received.findIndex((message) => message.event === event);
      return received.splice(index, 1)[0]!.payload;
    },
    close: () => void raw.disconnect(),
  };
}

/** Claims a session by its DID and confirms it; answers the confirm's ack. Throws when the claim is refused. */
export async function confirmByDid(socket: DeviceSocket, device: TestDevice, did: string): Promise<Ack> {
  const claimed = await socket.ask("claim", { did });
  if (!claimed.challenge) throw new Error(`not claimed: ${claimed.code}`);
  return socket.ask("confirm", { proof: device.proof(claimed.challenge, { did }) });
}
