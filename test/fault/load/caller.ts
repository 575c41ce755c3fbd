import { connectDevice, type DeviceConnection, type KeyStore } from "../../../client-sdk/src/device/index.ts";
import { CallsealSdkError, SessionsClient } from "../../../client-sdk/src/ivr/index.ts";
import { isEntry } from "../../../sandbox/ledger/ledger-entry.ts";
import type { VoiceCloud } from "../../../sandbox/voice-cloud.ts";
import type { CallHistory, Histories } from "../history/call-history.ts";

export interface CallerPlace {
  cloud: VoiceCloud;
  histories: Histories;
  /** Where the IVR holds its callers. */
  holdUrl: string;
  gatewayUrl: string;
  apiKey: string;
}

/** A client that is patient: it follows `advice` and `Retry-After` for longer than any fault lasts. */
const patience = { maxAttempts: 40, backoffBaseMs: 100, timeoutMs: 5000 };
/** Longer than the intercept's window, so that a call that does not come is lost, not late. */
const arrivalWithinMs = 40_000;

/** One person with an enrolled phone who calls again and again, through the SDK as an app and an IVR use it. */
export class Caller {
  readonly #place: CallerPlace;
  readonly #device: DeviceConnection;
  readonly #sessions: SessionsClient;

  private constructor(place: CallerPlace, device: DeviceConnection) {
    this.#place = place;
    this.#device = device;
    this.#sessions = new SessionsClient({ baseUrl: place.gatewayUrl, apiKey: place.apiKey, ...patience });
  }

  static async connect(place: CallerPlace, keyStore: KeyStore): Promise<Caller> {
    const device = await connectDevice({ keyStore, claimTimeoutMs: 30_000, reconnect: { baseMs: 50, capMs: 1000 } });
    return new Caller(place, device);
  }

  /** One call from its beginning to its arrival, with every error that reached a client in its history. */
  async call(): Promise<void> {
    const { cloud, holdUrl, histories } = this.#place;
    const voice = cloud.placeCall({ to: "+18005551234", voiceUrl: holdUrl });
    const history = histories.begin(voice.sid);
    await cloud.waitFor(isEntry("verb.started", voice.sid), { timeoutMs: 30_000 });
    try {
      await this.#verify(voice.sid, history);
      await histories.arrival(history, history.ackedAt === undefined ? 0 : arrivalWithinMs);
    } catch (error) {
      history.clientErrors.push(codeOf(error));
    }
  }

  async readEnd(history: CallHistory): Promise<void> {
    try {
      const session = await this.#sessions.getByCall("twilio", history.callId);
      history.end = { status: session.status, intercept: session.intercept.status };
    } catch (error) {
      if (codeOf(error) !== "not_found") throw error;
      history.end = { status: "lost", intercept: "none" };
    }
  }

  async close(): Promise<void> {
    await this.#device.close();
  }

  async #verify(callId: string, history: CallHistory): Promise<void> {
    const { sessionId, did = "" } = await this.#sessions.create({ provider: "twilio", callId, dnis: "+18005551234" });
    const polled = this.#sessions.waitUntilTerminal(sessionId).then(({ status }) => {
      history.polled = status;
    });
    const confirmed = this.#confirm(did, history);
    await Promise.all([polled, confirmed]);
  }

  async #confirm(did: string, history: CallHistory): Promise<void> {
    const challenge = await this.#device.claim(did);
    this.#place.histories.proofSent(history);
    try {
      await this.#device.confirm(challenge, { did, call: "outgoing" });
      history.ackedAt = performance.now();
    } catch (error) {
      history.refusal = codeOf(error);
    }
  }
}

function codeOf(error: unknown): string {
  if (error instanceof CallsealSdkError) return error.code;
  throw error;
}
