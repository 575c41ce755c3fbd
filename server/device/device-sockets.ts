import type { Namespace, Server } from "socket.io";
import type { SignedInDevice } from "./device-request.ts";

/** What the gateway sends to apps (PROTOCOL §4). */
export interface DeviceEvents {
  offer: (offer: { challenge: Challenge; push: string }) => void;
  withdrawn: (withdrawal: { sessionId: string; reason: string }) => void;
}

/** What an app shows so that a person can see that it is their call; `jws` is the same content, signed. */
export interface Challenge {
  sessionId: string;
  callId: string;
  provider: string;
  generation: number;
  nonce: string;
  expiresAt: string;
  organisation: string;
  dnis?: string;
  aniMasked?: string;
  aniMatchesDevice: boolean;
  jws: string;
}

export type Acknowledge = (answer: unknown) => void;

/** What an app sends; every argument is untrusted until it has been parsed. */
export interface DeviceRequests {
  claim: (payload: unknown, ack: unknown) => void;
  confirm: (payload: unknown, ack: unknown) => void;
  deny: (payload: unknown, ack: unknown) => void;
}

/** Who a socket belongs to: what requests need, and no more, since tens of thousands of sockets wait idle. */
export interface SocketData {
  device: SignedInDevice;
}

export type DeviceNamespace = Namespace<DeviceRequests, DeviceEvents, Record<string, never>, SocketData>;

/** The namespace of apps, with its events typed. */
export function deviceNamespace(io: Server): DeviceNamespace {
  return io.of("/device") as unknown as DeviceNamespace;
}

const room = (deviceId: string) => `z:${deviceId}`;

/** Reaches the sockets of a device, on whichever gateway they are. */
export class DeviceSockets {
  readonly #namespace: DeviceNamespace;

  constructor(namespace: DeviceNamespace) {
    this.#namespace = namespace;
  }

  roomOf(deviceId: string): string {
    return room(deviceId);
  }

  offer(deviceId: string, offer: { challenge: Challenge; push: string }): void {
    this.#namespace.to(room(deviceId)).emit("offer", offer);
  }

  withdraw(deviceIds: Iterable<string>, withdrawal: { sessionId: string; reason: string }): void {
    const rooms = [...deviceIds].map(room);
    if (rooms.length > 0) this.#namespace.to(rooms).emit("withdrawn", withdrawal);
  }

  disconnect(deviceId: string): void {
    this.#namespace.in(room(deviceId)).disconnectSockets(true);
  }
}
