import type { CryptoKey } from "jose";
import { CallsealSdkError } from "../errors.ts";
import {
  type DeviceIdentity,
  type DeviceKey,
  type Enrolment,
  type KeyAlgorithm,
  type KeyRequest,
  type KeyStore,
  type PublicJwk,
  toPublicJwk,
} from "./key-store.ts";

/** A key as it is kept: the private half is a handle that cannot be exported. */
export interface StoredKey {
  algorithm: KeyAlgorithm;
  publicJwk: PublicJwk;
  privateKey: CryptoKey;
}

/** The one record of a store. Structured clone keeps CryptoKey handles, so IndexedDB can hold it. */
export interface IdentityRecord {
  enrolment: Enrolment;
  deviceKey: StoredKey;
  userVerifyingKey?: StoredKey;
}

/** A place for that one record; `write` replaces it atomically. */
export interface RecordSlot {
  read(): Promise<IdentityRecord | undefined>;
  write(record: IdentityRecord): Promise<void>;
  remove(): Promise<void>;
}

const generation = { ES256: { name: "ECDSA", namedCurve: "P-256" }, EdDSA: { name: "Ed25519" } } as const;
const signing = { ES256: { name: "ECDSA", hash: "SHA-256" }, EdDSA: { name: "Ed25519" } } as const;

/** A key store of WebCrypto keys that no script can export, over a slot that keeps the handles. */
export function webCryptoKeyStore(slot: RecordSlot): KeyStore {
  const ours = new WeakMap<DeviceKey, StoredKey>();
  const open = (stored: StoredKey): DeviceKey => {
    const key: DeviceKey = {
      algorithm: stored.algorithm,
      publicJwk: stored.publicJwk,
      sign: async (data) =>
        new Uint8Array(await guard(crypto.subtle.sign(signing[stored.algorithm], stored.privateKey, data))),
    };
    ours.set(key, stored);
    return key;
  };
  const storedOf = (key: DeviceKey): StoredKey => {
    const stored = ours.get(key);
    if (!stored) throw new CallsealSdkError("key_store", { detail: "the key does not come from this store" });
    return stored;
  };
  return {
    generateKey: async (request: KeyRequest) => open(await guard(generateStoredKey(request.algorithm))),
    async save({ enrolment, deviceKey, userVerifyingKey }: DeviceIdentity) {
      const record: IdentityRecord = { enrolment: { ...enrolment }, deviceKey: storedOf(deviceKey) };
      if (userVerifyingKey) record.userVerifyingKey = storedOf(userVerifyingKey);
      await guard(slot.write(record));
    },
    async load() {
      const record = await guard(slot.read());
      if (!record) return undefined;
      const identity: DeviceIdentity = { enrolment: { ...record.enrolment }, deviceKey: open(record.deviceKey) };
      if (record.userVerifyingKey) identity.userVerifyingKey = open(record.userVerifyingKey);
      return identity;
    },
    clear: () => guard(slot.remove()),
  };
}

async function generateStoredKey(algorithm: KeyAlgorithm): Promise<StoredKey> {
  const pair = await crypto.subtle.generateKey(generation[algorithm], false, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new Error("generateKey gave no pair");
  const jwk = await crypto.subtle.exportKey("jwk", pair.publicKey);
  return { algorithm, publicJwk: toPublicJwk({ ...jwk }), privateKey: pair.privateKey };
}

async function guard<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof CallsealSdkError) throw cause;
    throw new CallsealSdkError("key_store", { detail: "the key store failed", cause });
  }
}
