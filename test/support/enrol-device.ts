import { generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto";
import type { Deployment, TestGateway } from "./gateway.ts";
import { send } from "./send.ts";

export type DeviceAlgorithm = "ES256" | "EdDSA";

/** What a challenge must tell a test so that a proof can answer it. */
export interface ChallengeLike {
  sessionId: string;
  callId: string;
  provider: string;
  generation: number;
  nonce: string;
}

/** An enrolled device whose key and every claim the test has in its own hands. */
export interface TestDevice {
  deviceId: string;
  subjectId: string;
  privateKey: KeyObject;
  publicJwk: Record<string, unknown>;
  /** A compact JWS by the device's key over exactly this header (besides `alg`) and these claims. */
  sign(header: Record<string, unknown>, claims: Record<string, unknown>): string;
  /** A fresh handshake token; overrides make it wrong. `undefined` removes a claim. */
  token(overrides?: Record<string, unknown>): string;
  /** A fresh proof that answers the challenge; give `did`, or `mth` and `match`, or `dec: "deny"`. */
  proof(challenge: ChallengeLike, claims: Record<string, unknown>): string;
}

export interface EnrolOptions {
  /** Default: the deployment's first. */
  gateway?: TestGateway;
  /** Default: the deployment's first tenant. */
  adminKey?: string;
  algorithm?: DeviceAlgorithm;
  /** The subject's numbers, set by the admin. Default none. */
  phones?: string[];
  /** The device's own number. Default none. */
  phone?: string;
  /** A further device of a subject that exists. Default: a new subject. */
  subjectId?: string;
}

/** A key pair and the means to sign with it, enrolled nowhere. */
export function newSigner(algorithm: DeviceAlgorithm = "ES256") {
  const { privateKey, publicKey } =
    algorithm === "ES256" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
  return {
    privateKey,
    publicJwk: publicKey.export({ format: "jwk" }) as Record<string, unknown>,
    sign: (header: Record<string, unknown>, claims: Record<string, unknown>) =>
      signCompact(privateKey, { alg: algorithm, ...header }, claims),
  };
}

/** Signs any header and claims; `ieee-p1363` is the signature format of JWS (RFC 7518 §3.4). */
export function signCompact(key: KeyObject, header: Record<string, unknown>, claims: Record<string, unknown>): string {
  const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const digest = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  return `${input}.${sign(digest, Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/** Asks the admin API for a subject, unless one is given, and for an activation code of it. */
export async function activationCode(deployment: Deployment, options: EnrolOptions = {}) {
  const gateway = options.gateway ?? deployment.gateway;
  const key = options.adminKey ?? deployment.keys.admin;
  const json = { externalId: `person-${randomUUID()}`, phones: options.phones ?? [] };
  const subjectId =
    options.subjectId ?? String((await send(gateway, "POST /admin/v1/subjects", { key, json })).body["subjectId"]);
  const made = await send(gateway, `POST /admin/v1/subjects/${subjectId}/activation-codes`, { key });
  if (made.status !== 201) throw new Error(`no activation code: ${made.status} ${made.text}`);
  return { subjectId, code: String(made.body["activationCode"]) };
}

/** Enrols a device by the wire alone: subject, activation code, key pair, proof. */
export async function enrolDevice(deployment: Deployment, options: EnrolOptions = {}): Promise<TestDevice> {
  const gateway = options.gateway ?? deployment.gateway;
  const { subjectId, code } = await activationCode(deployment, options);
  const signer = newSigner(options.algorithm);
  const proof = signer.sign(
    { typ: "callseal-enrollment+jwt" },
    { aud: deployment.publicUrl, code, iat: nowSeconds(), jti: randomUUID() },
  );
  const enrolled = await send(gateway, "POST /scramble/device/v1/enrollments", {
    json: {
      activationCode: code,
      publicJwk: signer.publicJwk,
      name: "Test phone",
      platform: "android",
      proof,
      ...(options.phone === undefined ? {} : { phone: options.phone }),
    },
  });
  if (enrolled.status !== 201) throw new Error(`not enrolled: ${enrolled.status} ${enrolled.text}`);
  return describeDevice(deployment, signer, { deviceId: String(enrolled.body["deviceId"]), subjectId });
}

function describeDevice(
  deployment: Deployment,
  signer: ReturnType<typeof newSigner>,
  ids: { deviceId: string; subjectId: string },
): TestDevice {
  const { deviceId } = ids;
  const issue = (typ: string, claims: Record<string, unknown>) => {
    const iat = nowSeconds();
    const common = { iss: deviceId, aud: deployment.publicUrl, iat, exp: iat + 60, jti: randomUUID() };
    const jws = signer.sign({ typ, kid: deviceId }, { ...common, ...claims });
    deployment.secrets.add(jws);
    return jws;
  };
  return {
    ...ids,
    ...signer,
    token: (overrides = {}) => issue("callseal-device+jwt", overrides),
    proof: ({ sessionId, callId, provider, generation, nonce }, claims) =>
      issue("callseal-confirmation+jwt", {
        sid: sessionId,
        cid: callId,
        prv: provider,
        gen: generation,
        nonce,
        dec: "confirm",
        ...claims,
      }),
  };
}
