import { CallsealSdkError } from "../errors.ts";
import type { Fetch } from "../exchange-json.ts";
import { loadJwks } from "../load-jwks.ts";
import { type ClaimOptions, claim } from "./claim.ts";
import { type ConfirmAnswer, confirm } from "./confirm.ts";
import { type DenyAnswer, deny } from "./deny.ts";
import type { DeviceContext } from "./device-context.ts";
import { DeviceLink, type LinkState } from "./device-link.ts";
import type { KeyStore } from "./key-store.ts";
import { createListeners, type Listeners } from "./listeners.ts";
import type { Challenge, Confirmation, Denial, Withdrawal } from "./protocol.ts";
import { readGatewayUrl } from "./read-gateway-url.ts";
import { type Offer, receiveMessage } from "./receive-message.ts";
import { createReconnectPolicy, type ReconnectOptions } from "./reconnect-policy.ts";
import { signToken } from "./sign-token.ts";

/** What a connection tells its app. */
export interface DeviceEvents {
  connected: { deviceId: string };
  /** It comes back by itself. */
  disconnected: { reason: string };
  /** The gateway refuses this device (`device_revoked`, `device_disabled`, …); the connection is over. */
  stopped: { error: CallsealSdkError };
  /** A call from this device's number waits for an answer. It comes again after a reconnect, with the same `sessionId`. */
  offer: Offer;
  /** An offer that must not be shown, because its signature does not hold. */
  offer_rejected: { error: CallsealSdkError };
  withdrawn: Withdrawal;
}

export interface ConnectDeviceOptions {
  /** Holds the identity that `enrol` stored. */
  keyStore: KeyStore;
  /** Default: where the device was enrolled. */
  gatewayUrl?: string | URL;
  /** The tenant's codes end in a check digit (`didCheckDigit`): a mistyped code is refused here. Default false. */
  checkDigits?: boolean;
  /** Allows `http:` off loopback. Development only. */
  allowInsecure?: boolean;
  /** Milliseconds for one ack before the connection is given up as dead. Default 4000. */
  ackTimeoutMs?: number;
  /** Milliseconds for a claim, over reconnects. Default 15000. */
  claimTimeoutMs?: number;
  /** Milliseconds for one handshake. Default 10000. */
  connectTimeoutMs?: number;
  reconnect?: ReconnectOptions;
  fetch?: Fetch;
  /** Milliseconds since the epoch; replace it when the phone's clock is known to be wrong. Default `Date.now`. */
  clock?: () => number;
}

export interface DeviceConnection {
  readonly deviceId: string;
  readonly state: LinkState;
  /**
   * Asks which live call speaks this code; claiming does not lock the call. Errors: `wrong_did`, `expired`, `rate_limited`,
   * `subject_mismatch`, `bad_check_digit`, `invalid_argument`, `invalid_challenge`, and those of every request below.
   */
  claim(did: string, options?: ClaimOptions): Promise<Challenge>;
  /**
   * Confirms the call of a challenge. Retried with the same proof until the challenge expires. Errors: `wrong_did`,
   * `call_mismatch`, `subject_mismatch`, `expired`, `session_terminal`, `incoming_call`, `late_confirmation`, `rate_limited`,
   * `device_revoked`, `device_disabled`, `invalid_proof`; `timeout` (outcome unknown), `network`, `aborted`, `closed`.
   */
  confirm(challenge: Challenge, answer: ConfirmAnswer): Promise<Confirmation>;
  /** Denies the call of a challenge. Errors as for `confirm`. */
  deny(challenge: Challenge, answer: DenyAnswer): Promise<Denial>;
  /** Returns the function that takes the listener off again. */
  on: Listeners<DeviceEvents>["on"];
  /** Ends the connection and fails what is still under way with `closed`. Idempotent. */
  close(): Promise<void>;
}

/**
 * Connects an enrolled device and keeps it connected: one WebSocket, a fresh signed token for every handshake, and a return
 * with backoff and jitter as the gateway advises. Resolves at once; requests wait for the connection.
 *
 * Errors: `not_enrolled`, `key_store`, `invalid_argument`.
 *
 * @example
 * const device = await connectDevice({ keyStore });
 * const challenge = await device.claim("482913");
 * await device.confirm(challenge, { did: "482913", call: "outgoing" });
 */
export async function connectDevice(options: ConnectDeviceOptions): Promise<DeviceConnection> {
  const identity = await options.keyStore.load();
  if (!identity) throw new CallsealSdkError("not_enrolled", { detail: "enrol this device first" });
  const { deviceId, audience } = identity.enrolment;
  const gatewayUrl = readGatewayUrl(options.gatewayUrl ?? identity.enrolment.gatewayUrl, options.allowInsecure);
  const clock = options.clock ?? Date.now;
  const listeners = createListeners<DeviceEvents>();
  const link = new DeviceLink({
    gatewayUrl,
    signToken: () => signToken({ key: identity.deviceKey, deviceId, audience, nowMs: clock() }),
    policy: createReconnectPolicy(options.reconnect),
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    clock,
    onConnected: () => listeners.emit("connected", { deviceId }),
    onDisconnected: (reason) => listeners.emit("disconnected", { reason }),
    onStopped: (error) => listeners.emit("stopped", { error }),
    onMessage: (event, payload) => void announce(context, listeners, { event, payload }),
  });
  const context = createContext({ options, identity, link, gatewayUrl, clock });
  return connectionOf(context, listeners);
}

function createContext(parts: {
  options: ConnectDeviceOptions;
  identity: DeviceContext["identity"];
  link: DeviceLink;
  gatewayUrl: string;
  clock: () => number;
}): DeviceContext {
  const { options, identity, link, gatewayUrl, clock } = parts;
  return {
    identity,
    link,
    reader: {
      keys: loadJwks(`${gatewayUrl}/.well-known/jwks.json`, { fetch: options.fetch }),
      deviceId: identity.enrolment.deviceId,
      gateway: identity.enrolment.audience,
    },
    checkDigits: options.checkDigits ?? false,
    ackTimeoutMs: options.ackTimeoutMs ?? 4000,
    claimTimeoutMs: options.claimTimeoutMs ?? 15_000,
    clock,
    random: options.reconnect?.random ?? Math.random,
  };
}

function connectionOf(context: DeviceContext, listeners: Listeners<DeviceEvents>): DeviceConnection {
  const { link, identity } = context;
  return {
    deviceId: identity.enrolment.deviceId,
    get state() {
      return link.state;
    },
    claim: (did, options) => claim(context, did, options),
    confirm: (challenge, answer) => confirm(context, challenge, answer),
    deny: (challenge, answer) => deny(context, challenge, answer),
    on: (name, listener) => listeners.on(name, listener),
    close: async () => {
      link.close();
      listeners.clear();
    },
  };
}

async function announce(
  context: DeviceContext,
  listeners: Listeners<DeviceEvents>,
  { event, payload }: { event: string; payload: unknown },
): Promise<void> {
  try {
    const message = await receiveMessage(context, event, payload);
    if (message?.kind === "offer") listeners.emit("offer", message.offer);
    if (message?.kind === "withdrawn") listeners.emit("withdrawn", message.withdrawal);
  } catch (error) {
    if (!(error instanceof CallsealSdkError)) throw error;
    listeners.emit("offer_rejected", { error });
  }
}
