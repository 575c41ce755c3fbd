import { randomBytes } from "node:crypto";
import type { RedisClient } from "../redis/connections.ts";
import {
  activationKey,
  deviceKeys,
  type Keyspace,
  offersKey,
  partitionOf,
  phoneKey,
  subjectKeys,
  tokenKey,
} from "../redis/keys.ts";
import type { RunScript } from "../redis/scripts.ts";
import { hashExternalId } from "./hash-external-id.ts";

export type DeviceStatus = "active" | "revoked" | "disabled";

export interface Device {
  deviceId: string;
  subjectId: string;
  tenant: string;
  name: string;
  platform: string;
  phone?: string;
  status: DeviceStatus;
  /** Public JWK as JSON, and the optional key that only biometry or a PIN unlocks. */
  publicJwk: string;
  uvJwk?: string;
  createdAtMs: number;
  lastSeenAtMs?: number;
}

export interface Subject {
  subjectId: string;
  tenant: string;
  externalId: string;
  phones: string[];
}

/** What the confirm path must know of a device at this moment. */
export interface DeviceStanding {
  status: DeviceStatus;
  wrongInARow: number;
  offersSinceConfirmation: number;
  /** Wrong DIDs in the window that limits them, and when it ends (or did), by the clock of Redis. */
  wrongInWindow: number;
  windowEndsAtMs: number;
}

/** A wrong DID that was counted. */
export interface WrongDidCount {
  inARow: number;
  status: DeviceStatus;
  inWindow: number;
  windowLeftMs: number;
}

export interface NewDevice {
  tenant: string;
  subjectId: string;
  activationCode: string;
  name: string;
  platform: string;
  phone?: string | undefined;
  publicJwk: string;
  uvJwk?: string | undefined;
  correlationId: string;
}

/** Wrong DIDs in a row that disable a device until it is enrolled again (PROTOCOL §4). */
export const wrongDidsThatDisable = 100;
/** How many wrong DIDs its tenant allows a device is counted in this time (PROTOCOL §4). */
export const wrongDidsWindowMs = 600_000;
export const activationLifetimeSeconds = 900;
const tokenMemorySeconds = 120;

const standingCounts = ["wrongInARow", "offersSinceConfirmation", "wrongInWindow", "windowEndsAt"];

/** Persons, their activation codes and their devices. A subject and all that is its own share one partition. */
export class DeviceStore {
  readonly #redis: RedisClient;
  readonly #run: RunScript;
  readonly #keyspace: Keyspace;
  readonly #secret: string;
  readonly #now: () => number;

  constructor(options: {
    redis: RedisClient;
    run: RunScript;
    keyspace: Keyspace;
    secret: string;
    /** Milliseconds since 1970. Default: this machine's clock. */
    now?: () => number;
  }) {
    this.#redis = options.redis;
    this.#run = options.run;
    this.#keyspace = options.keyspace;
    this.#secret = options.secret;
    this.#now = options.now ?? Date.now;
  }

  /** Creates the subject of an external id, or updates its numbers: the id follows from both, so a repeat is harmless. */
  async putSubject(tenant: string, externalId: string, phones: string[]): Promise<Subject> {
    const subjectId = `suid_${hashExternalId(this.#secret, tenant, externalId)}`;
    const before = await this.readSubject(tenant, subjectId);
    const { subject } = subjectKeys(this.#keyspace, subjectId);
    const record = { tenant, externalId, phones: JSON.stringify(phones), createdAt: this.#now() };
    await this.#redis.hset(subject, record);
    for (const phone of before?.phones ?? []) {
      if (!phones.includes(phone)) await this.#redis.srem(phoneKey(this.#keyspace, tenant, phone), subjectId);
    }
    for (const phone of phones) await this.#redis.sadd(phoneKey(this.#keyspace, tenant, phone), subjectId);
    return { subjectId, tenant, externalId, phones };
  }

  async readSubject(tenant: string, subjectId: string): Promise<Subject | undefined> {
    const record = await this.#redis.hgetall(subjectKeys(this.#keyspace, subjectId).subject);
    if (record.tenant !== tenant) return undefined;
    return {
      subjectId,
      tenant,
      externalId: record.externalId ?? "",
      phones: JSON.parse(record.phones ?? "[]") as string[],
    };
  }

  async subjectsWithPhone(tenant: string, phone: string): Promise<string[]> {
    return this.#redis.smembers(phoneKey(this.#keyspace, tenant, phone));
  }

  async createActivationCode(
    tenant: string,
    subjectId: string,
  ): Promise<{ activationCode: string; expiresAtMs: number }> {
    const activationCode = this.#drawIn(subjectId, () => randomBytes(15).toString("base64url"));
    const key = activationKey(this.#keyspace, activationCode);
    const expiresAtMs = this.#now() + activationLifetimeSeconds * 1000;
    await this.#redis.multi().hset(key, { tenant, suid: subjectId }).expire(key, activationLifetimeSeconds).exec();
    return { activationCode, expiresAtMs };
  }

  async readActivation(activationCode: string): Promise<{ tenant: string; subjectId: string } | undefined> {
    const [tenant, subjectId] = await this.#redis.hmget(
      activationKey(this.#keyspace, activationCode),
      "tenant",
      "suid",
    );
    return tenant && subjectId ? { tenant, subjectId } : undefined;
  }

  /** Spends the code and records the device in one step; undefined when the code was spent meanwhile. */
  async enrol(device: NewDevice): Promise<string | undefined> {
    const deviceId = this.#drawIn(device.subjectId, () => `zid_${randomBytes(16).toString("base64url")}`);
    const { devices, outbox } = subjectKeys(this.#keyspace, device.subjectId);
    const keys = [
      activationKey(this.#keyspace, device.activationCode),
      deviceKeys(this.#keyspace, deviceId).device,
      devices,
      outbox,
    ];
    const fields: Record<string, string | undefined> = {
      name: device.name,
      platform: device.platform,
      phone: device.phone,
      publicJwk: device.publicJwk,
      uvJwk: device.uvJwk,
    };
    const outcome = await this.#run("enrol_device", keys, [
      device.tenant,
      device.subjectId,
      deviceId,
      device.correlationId,
      JSON.stringify({ deviceId, subjectId: device.subjectId, platform: device.platform }),
      ...Object.entries(fields).flatMap(([field, value]) => (value === undefined ? [] : [field, value])),
    ]);
    return outcome === "enrolled" ? deviceId : undefined;
  }

  async readDevice(deviceId: string): Promise<Device | undefined> {
    const record = await this.#redis.hgetall(deviceKeys(this.#keyspace, deviceId).device);
    return record.zid ? parseDevice(record) : undefined;
  }

  async listDevices(subjectId: string): Promise<Device[]> {
    const ids = await this.#redis.smembers(subjectKeys(this.#keyspace, subjectId).devices);
    const devices = await Promise.all(ids.map((id) => this.readDevice(id)));
    return devices.filter((device) => device !== undefined).sort((a, b) => a.createdAtMs - b.createdAtMs);
  }

  async revoke(
    tenant: string,
    deviceId: string,
    correlationId: string,
  ): Promise<"revoked" | "unchanged" | "not_found"> {
    const { device, outbox } = deviceKeys(this.#keyspace, deviceId);
    const args = [tenant, correlationId, JSON.stringify({ deviceId })];
    return (await this.#run("revoke_device", [device, outbox], args)) as "revoked" | "unchanged" | "not_found";
  }

  async readStanding(deviceId: string): Promise<DeviceStanding> {
    const key = deviceKeys(this.#keyspace, deviceId).device;
    const [status, ...counts] = await this.#redis.hmget(key, "status", ...standingCounts);
    const [wrongInARow, offersSinceConfirmation, wrongInWindow, windowEndsAtMs] = counts.map(Number);
    return {
      status: (status ?? "revoked") as DeviceStatus,
      wrongInARow: wrongInARow!,
      offersSinceConfirmation: offersSinceConfirmation!,
      wrongInWindow: wrongInWindow!,
      windowEndsAtMs: windowEndsAtMs!,
    };
  }

  async countWrongDid(deviceId: string): Promise<WrongDidCount> {
    const key = deviceKeys(this.#keyspace, deviceId).device;
    const reply = await this.#run("count_wrong_did", [key], [wrongDidsThatDisable, wrongDidsWindowMs]);
    const [inARow, status, inWindow, windowLeftMs] = reply as [number, DeviceStatus, number, number];
    return { inARow, status, inWindow, windowLeftMs };
  }

  /** Counts an offer and returns how many there have been since the device's last confirmation. */
  async countOffer(deviceId: string): Promise<number> {
    return this.#redis.hincrby(deviceKeys(this.#keyspace, deviceId).device, "offersSinceConfirmation", 1);
  }

  /** Keeps what was offered to a device for as long as it can be answered, for an app that connects only now. */
  async rememberOffer(deviceId: string, sessionId: string, lifetimeMs: number): Promise<void> {
    const key = offersKey(this.#keyspace, deviceId);
    await this.#redis
      .multi()
      .sadd(key, sessionId)
      .pexpire(key, Math.max(1, Math.ceil(lifetimeMs)))
      .exec();
  }

  async rememberedOffers(deviceId: string): Promise<string[]> {
    return this.#redis.smembers(offersKey(this.#keyspace, deviceId));
  }

  /** A confirmation that succeeded: wrong codes and unanswered offers count from here again. */
  async noteConfirmation(deviceId: string): Promise<void> {
    await this.#redis.hset(deviceKeys(this.#keyspace, deviceId).device, { wrongInARow: 0, offersSinceConfirmation: 0 });
  }

  async noteSeen(deviceId: string): Promise<void> {
    await this.#redis.hset(deviceKeys(this.#keyspace, deviceId).device, "lastSeenAt", this.#now());
  }

  /** True for the first use of a token's id; a handshake token opens one socket only. */
  async spendToken(deviceId: string, jti: string): Promise<boolean> {
    return (
      (await this.#redis.set(tokenKey(this.#keyspace, deviceId, jti), "1", "EX", tokenMemorySeconds, "NX")) === "OK"
    );
  }

  /** Draws random ids until one falls into the subject's partition, so that one script may touch them together. */
  #drawIn(subjectId: string, draw: () => string): string {
    const { partitions } = this.#keyspace;
    const wanted = partitionOf(subjectId, partitions);
    for (;;) {
      const id = draw();
      if (partitionOf(id, partitions) === wanted) return id;
    }
  }
}

function parseDevice(record: Record<string, string>): Device {
  return {
    deviceId: record.zid!,
    subjectId: record.suid!,
    tenant: record.tenant!,
    name: record.name ?? "",
    platform: record.platform ?? "",
    status: record.status as DeviceStatus,
    publicJwk: record.publicJwk!,
    createdAtMs: Number(record.createdAt),
    ...(record.phone ? { phone: record.phone } : {}),
    ...(record.uvJwk ? { uvJwk: record.uvJwk } : {}),
    ...(record.lastSeenAt ? { lastSeenAtMs: Number(record.lastSeenAt) } : {}),
  };
}
