import { CallsealSdkError } from "../errors.ts";
import { exchangeJson, type Fetch } from "../exchange-json.ts";
import type { DeviceIdentity, DeviceKey, Enrolment, KeyAlgorithm, KeyStore } from "./key-store.ts";
import { readGatewayUrl } from "./read-gateway-url.ts";
import { signJws } from "./sign-jws.ts";

export interface EnrolOptions {
  gatewayUrl: string | URL;
  /** Single-use, made by an admin for one person. */
  activationCode: string;
  keyStore: KeyStore;
  /** What the person will recognise the device by, e.g. "Pixel 9". */
  name: string;
  /** e.g. "android", "ios", "web". */
  platform: string;
  /** The device's own number, E.164; must be one that an admin set for this person. */
  phone?: string;
  /** Default `ES256`. */
  algorithm?: KeyAlgorithm;
  /** Also enrols a second key that the key store unlocks by biometric or PIN only. Default false. */
  userVerifyingKey?: boolean;
  /** The gateway's public origin, when it is not the one connected to. */
  audience?: string;
  /** Allows `http:` off loopback. Development only. */
  allowInsecure?: boolean;
  /** Default 10000. */
  timeoutMs?: number;
  fetch?: Fetch;
  /** Milliseconds since the epoch. Default `Date.now`. */
  clock?: () => number;
}

/**
 * Binds this device to a person: makes its key, proves possession of it, and stores what the gateway answers. The store
 * changes only when the gateway has accepted; an activation code whose answer was lost is spent, so ask for another.
 *
 * Errors: `invalid_activation_code`, `invalid_request`, `rate_limited`, `network`, `timeout`, `key_store`, `invalid_argument`.
 */
export async function enrol(options: EnrolOptions): Promise<Enrolment> {
  const gatewayUrl = readGatewayUrl(options.gatewayUrl, options.allowInsecure);
  const audience = options.audience ?? gatewayUrl;
  const clock = options.clock ?? Date.now;
  const algorithm = options.algorithm ?? "ES256";
  const deviceKey = await options.keyStore.generateKey({ algorithm, purpose: "device" });
  const userVerifyingKey = options.userVerifyingKey
    ? await options.keyStore.generateKey({ algorithm, purpose: "user-verifying" })
    : undefined;
  const proof = await signEnrolment(deviceKey, { audience, code: options.activationCode, nowMs: clock() });
  const { body } = await exchangeJson({
    url: `${gatewayUrl}/scramble/device/v1/enrollments`,
    method: "POST",
    body: {
      activationCode: options.activationCode,
      publicJwk: deviceKey.publicJwk,
      name: options.name,
      platform: options.platform,
      ...(options.phone === undefined ? {} : { phone: options.phone }),
      ...(userVerifyingKey === undefined ? {} : { uvJwk: userVerifyingKey.publicJwk }),
      proof,
    },
    timeoutMs: options.timeoutMs ?? 10_000,
    fetch: options.fetch ?? fetch,
    clock,
  });
  const enrolment = { ...readEnrolled(body), gatewayUrl, audience, enrolledAt: new Date(clock()).toISOString() };
  const identity: DeviceIdentity = { enrolment, deviceKey };
  if (userVerifyingKey) identity.userVerifyingKey = userVerifyingKey;
  await options.keyStore.save(identity);
  return enrolment;
}

function signEnrolment(key: DeviceKey, { audience, code, nowMs }: { audience: string; code: string; nowMs: number }) {
  const iat = Math.floor(nowMs / 1000);
  const claims = { aud: audience, code, iat, exp: iat + 300, jti: crypto.randomUUID() };
  return signJws({ key, typ: "callseal-enrollment+jwt", claims });
}

function readEnrolled(body: Record<string, unknown>): Pick<Enrolment, "deviceId" | "subjectId" | "tenantId"> {
  const { deviceId, subjectId, tenant } = body;
  if (typeof deviceId !== "string" || !/^zid_[A-Za-z0-9_-]{1,128}$/.test(deviceId) || typeof subjectId !== "string") {
    throw new CallsealSdkError("invalid_response", { detail: "the enrolment answer names no device" });
  }
  const named = typeof tenant === "object" && tenant !== null ? (tenant as Record<string, unknown>)["id"] : tenant;
  return { deviceId, subjectId, tenantId: typeof named === "string" ? named : null };
}
