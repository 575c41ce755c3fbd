import { randomUUID } from "node:crypto";
import { newSigner, nowSeconds } from "../support/enrol-device.ts";
import { isHostileText } from "./hostile-values.ts";
import type { HttpConnections } from "./http-exchange.ts";
import { FuzzRandom } from "./random.ts";
import { SocketClient } from "./socket-client.ts";
import { acme, fuzzPublicUrl, keyOf } from "./tenants.ts";

/** A session that was opened for a run of inputs, as its creation answered it. */
export interface LiveSession {
  sessionId: string;
  callId: string;
  provider: string;
  generation: number;
  did: string;
}

export interface LiveDevice {
  deviceId: string;
  subjectId: string;
  phone: string;
  sign: ReturnType<typeof newSigner>["sign"];
  privateKey: ReturnType<typeof newSigner>["privateKey"];
  publicJwk: Record<string, unknown>;
  /** The code that enrolled it, spent. */
  activationCode: string;
}

export interface Challenge extends Omit<LiveSession, "did"> {
  nonce: string;
}

const providers = ["generic", "twilio", "generic", "nice", "genesys", "five9", "generic", "twilio"];
/** How many inputs share a session, a device, a console. */
const share = { session: 24, device: 384, console: 1024 };
/** More than inputs that are under way at once can be apart, and than a session lives. */
const kept = { sessions: 4096, devices: 512, sockets: 96, consoles: 16 };

/**
 * What inputs refer to: sessions, devices and sockets that exist. Each belongs to a run of indexes and is opened by the
 * first input that wants it, so that one input can be sent alone.
 */
export class LiveState {
  readonly connections: HttpConnections;
  readonly port: number;
  readonly seed: number;
  /** Codes that were spoken lately: none may stand in a log line. */
  readonly dids = new Set<string>();
  /** How many were made, for the count of keys. */
  made = { sessions: 0, devices: 0 };
  readonly #sessions = new Map<number, Promise<LiveSession>>();
  readonly #devices = new Map<number, Promise<LiveDevice>>();
  readonly #sockets = new Map<number, Promise<SocketClient>>();
  readonly #consoles = new Map<number, Promise<SocketClient>>();

  constructor(options: { connections: HttpConnections; port: number; seed: number }) {
    this.connections = options.connections;
    this.port = options.port;
    this.seed = options.seed;
  }

  /** The session of the input's run, or of one `back` runs before it, which may have ended. */
  session(index: number, back = 0): Promise<LiveSession> {
    const slot = Math.max(0, Math.floor(index / share.session) - back);
    return remember(this.#sessions, slot, { most: kept.sessions, make: () => this.#openSession(slot) });
  }

  device(index: number): Promise<LiveDevice> {
    const slot = Math.floor(index / share.device);
    return remember(this.#devices, slot, { most: kept.devices, make: () => this.#enrol(slot) });
  }

  /** An open socket of the run's device; a new one when the last was closed. */
  async socket(index: number): Promise<SocketClient | undefined> {
    const slot = Math.floor(index / share.device);
    const make = async () => this.#connect("/device", JSON.stringify({ token: token(await this.device(index)) }));
    return await openAgain(this.#sockets, slot, { most: kept.sockets, make });
  }

  async console(index: number): Promise<SocketClient | undefined> {
    const slot = Math.floor(index / share.console);
    const make = () => this.#connect("/console", JSON.stringify({ token: keyOf(acme.id, "agent") }));
    return await openAgain(this.#consoles, slot, { most: kept.consoles, make });
  }

  /** A session of its own for one input. */
  async openOwn(name: string, more: Record<string, unknown> = {}): Promise<LiveSession> {
    const body = { provider: "generic", callId: `own-${this.seed}-${name}`, ...more };
    const answer = await this.post("/scramble/caller/v1/sessions", keyOf(acme.id, "sessions"), body);
    this.made.sessions += 1;
    return this.#noteDid(answer as unknown as LiveSession);
  }

  async post(target: string, key: string | undefined, body?: unknown): Promise<Record<string, unknown>> {
    const { answers } = await this.connections.exchange({
      method: "POST",
      target,
      headers: [
        ["Host", "x"],
        ["Content-Type", "application/json"],
        ...(key === undefined ? [] : ([["Authorization", `Bearer ${key}`]] as [string, string][])),
      ],
      body: Buffer.from(body === undefined ? "" : JSON.stringify(body)),
    });
    const [answer] = answers;
    if (!answer || answer.status >= 300) throw new Error(`${target} answered ${answer?.status} ${answer?.body}`);
    return JSON.parse(answer.body) as Record<string, unknown>;
  }

  close(): void {
    for (const map of [this.#sockets, this.#consoles]) {
      for (const opening of map.values()) opening.then((client) => client.raw.destroy()).catch(() => undefined);
    }
  }

  async #openSession(slot: number): Promise<LiveSession> {
    const random = new FuzzRandom(this.seed ^ 0x5e551011, slot);
    const device = random.chance(0.5) ? await this.device(slot * share.session) : undefined;
    const body = {
      provider: random.chance(0.01) ? "agent" : random.pick(providers),
      callId: `CA${slot.toString(16).padStart(32, "0")}`,
      dnis: "+18005551234",
      ...(device && random.chance(0.8) ? { ani: device.phone } : {}),
      ...(device && random.chance(0.1) ? { expectedSubject: device.subjectId } : {}),
      metadata: { crmCaseId: `CASE-${slot % 1000}` },
    };
    const answer = await this.post("/scramble/caller/v1/sessions", keyOf(acme.id, "sessions"), body);
    this.made.sessions += 1;
    return this.#noteDid(answer as unknown as LiveSession);
  }

  #noteDid(session: LiveSession): LiveSession {
    // A call that another input has ended already has no code any more.
    const did = session.did ?? "000000";
    // What is also one of the hostile texts is no secret any more, and may stand in a log as one.
    if (session.did !== undefined && !isHostileText(did)) this.dids.add(did);
    if (this.dids.size > kept.sessions) this.dids.delete(this.dids.values().next().value!);
    return { ...session, did };
  }

  async #enrol(slot: number): Promise<LiveDevice> {
    const key = keyOf(acme.id, "admin");
    const phone = `+1415555${String(slot).padStart(6, "0")}`;
    const { subjectId } = await this.post("/admin/v1/subjects", key, { externalId: `person-${slot}`, phones: [phone] });
    const { activationCode } = await this.post(`/admin/v1/subjects/${subjectId}/activation-codes`, key);
    const signer = newSigner(slot % 4 === 3 ? "EdDSA" : "ES256");
    const proof = signer.sign({}, { aud: fuzzPublicUrl, code: activationCode, iat: nowSeconds(), jti: randomUUID() });
    const body = { activationCode, publicJwk: signer.publicJwk, name: "Phone", platform: "android", phone, proof };
    const { deviceId } = await this.post("/scramble/device/v1/enrollments", undefined, body);
    this.made.devices += 1;
    const { sign, privateKey, publicJwk } = signer;
    return {
      deviceId: String(deviceId),
      subjectId: String(subjectId),
      activationCode: String(activationCode),
      phone,
      sign,
      privateKey,
      publicJwk,
    };
  }

  async #connect(namespace: string, auth: string): Promise<SocketClient> {
    const client = await SocketClient.open(this.port, namespace, auth);
    if ("refused" in client) throw new SocketRefused(client.refused);
    return client;
  }
}

/** A revoked or disabled device, or one with too many handshakes: no fault of the gateway's. */
class SocketRefused extends Error {}

/** A fresh handshake token of the device (PROTOCOL §4). */
export function token(
  device: LiveDevice,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): string {
  const iat = nowSeconds();
  return device.sign(
    { typ: "callseal-device+jwt", kid: device.deviceId, ...header },
    { iss: device.deviceId, aud: fuzzPublicUrl, iat, exp: iat + 60, jti: randomUUID(), ...claims },
  );
}

function remember<T>(
  map: Map<number, Promise<T>>,
  slot: number,
  { most, make }: { most: number; make: () => Promise<T> },
): Promise<T> {
  const known = map.get(slot);
  if (known) return known;
  const made = make();
  made.catch(() => map.delete(slot));
  map.set(slot, made);
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
  return made;
}

async function openAgain(
  map: Map<number, Promise<SocketClient>>,
  slot: number,
  options: { most: number; make: () => Promise<SocketClient> },
): Promise<SocketClient | undefined> {
  const opening = map.get(slot);
  const client = await opening?.catch(() => undefined);
  if (client && !client.raw.open && map.get(slot) === opening) map.delete(slot);
  if (!map.has(slot) && map.size >= options.most) {
    const [oldest] = map;
    map.delete(oldest![0]);
    oldest![1].then(({ raw }) => raw.destroy()).catch(() => undefined);
  }
  try {
    return await remember(map, slot, options);
  } catch (error) {
    if (error instanceof SocketRefused) return undefined;
    throw error;
  }
}
