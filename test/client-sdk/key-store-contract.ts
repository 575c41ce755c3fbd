import type {
  DeviceIdentity,
  Enrolment,
  KeyAlgorithm,
  KeyStore,
  PublicJwk,
} from "../../client-sdk/src/device/index.ts";

/**
 * What every key store does, without a test runner and without Node, so that the same rules run in a page of a real browser:
 * each throws when it is broken. `open` gives a store over the same place every time, as a restarted app would.
 */
export interface KeyStoreRule {
  title: string;
  check: (open: () => KeyStore) => Promise<void>;
}

const enrolment: Enrolment = {
  deviceId: "zid_contract",
  subjectId: "suid_contract",
  tenantId: "acme",
  gatewayUrl: "https://gateway.example",
  audience: "https://gateway.example",
  enrolledAt: "2026-01-01T00:00:00.000Z",
};

async function isSignedBy(jwk: PublicJwk, data: Uint8Array<ArrayBuffer>, signature: Uint8Array): Promise<boolean> {
  const ec = jwk.kty === "EC";
  const imported = ec ? { name: "ECDSA", namedCurve: "P-256" } : { name: "Ed25519" };
  const key = await crypto.subtle.importKey("jwk", jwk, imported, false, ["verify"]);
  const algorithm = ec ? { name: "ECDSA", hash: "SHA-256" } : { name: "Ed25519" };
  return crypto.subtle.verify(algorithm, key, new Uint8Array(signature), data);
}

function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

async function rejectsWith(code: string, work: Promise<unknown>): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: { code?: string }) => reason,
  );
  assert(error?.code === code, `rejects with ${code}, not ${String(error?.code)}`);
}

const data = new TextEncoder().encode("header.payload");

async function signs(open: () => KeyStore, algorithm: KeyAlgorithm): Promise<void> {
  const key = await open().generateKey({ algorithm, purpose: "device" });
  const signature = await key.sign(data);
  assert(key.algorithm === algorithm, "names its algorithm");
  assert(signature.length === 64, "a signature is 64 bytes");
  assert(await isSignedBy(key.publicJwk, data, signature), "the signature holds");
  const members = Object.keys(key.publicJwk).sort().join(" ");
  assert(members === (algorithm === "ES256" ? "crv kty x y" : "crv kty x"), `only public members: ${members}`);
}

async function enrolled(store: KeyStore, deviceId: string): Promise<DeviceIdentity> {
  const deviceKey = await store.generateKey({ algorithm: "ES256", purpose: "device" });
  const identity = { enrolment: { ...enrolment, deviceId }, deviceKey };
  await store.save(identity);
  return identity;
}

export const keyStoreContract: KeyStoreRule[] = [
  { title: "a P-256 key signs as JWS wants it and shows its public half only", check: (open) => signs(open, "ES256") },
  {
    title: "an Ed25519 key signs as JWS wants it and shows its public half only",
    check: (open) => signs(open, "EdDSA"),
  },
  {
    title: "an empty store has no identity",
    check: async (open) => assert((await open().load()) === undefined, "nothing to load"),
  },
  {
    title: "a saved identity is loaded again by a store that is opened later, and its keys still sign",
    check: async (open) => {
      const store = open();
      const deviceKey = await store.generateKey({ algorithm: "ES256", purpose: "device" });
      const userVerifyingKey = await store.generateKey({ algorithm: "EdDSA", purpose: "user-verifying" });
      await store.save({ enrolment, deviceKey, userVerifyingKey });
      const loaded = await open().load();
      assert(loaded?.userVerifyingKey, "both keys are there");
      assert(JSON.stringify(loaded.enrolment) === JSON.stringify(enrolment), "the enrolment is the same");
      assert(loaded.deviceKey.publicJwk.x === deviceKey.publicJwk.x, "the device key is the same");
      assert(await isSignedBy(deviceKey.publicJwk, data, await loaded.deviceKey.sign(data)), "the device key signs");
      const signature = await loaded.userVerifyingKey.sign(data);
      assert(await isSignedBy(userVerifyingKey.publicJwk, data, signature), "the user-verifying key signs");
    },
  },
  {
    title: "a key that was generated and not saved leaves the identity as it was",
    check: async (open) => {
      const { deviceKey } = await enrolled(open(), "zid_kept");
      await open().generateKey({ algorithm: "ES256", purpose: "device" });
      const loaded = await open().load();
      assert(loaded?.enrolment.deviceId === "zid_kept", "the enrolment is the old one");
      assert(loaded.deviceKey.publicJwk.x === deviceKey.publicJwk.x, "the key is the old one");
    },
  },
  {
    title: "saving replaces the whole identity, an earlier user-verifying key included",
    check: async (open) => {
      const store = open();
      const { deviceKey } = await enrolled(store, "zid_first");
      const userVerifyingKey = await store.generateKey({ algorithm: "ES256", purpose: "user-verifying" });
      await store.save({ enrolment, deviceKey, userVerifyingKey });
      await enrolled(store, "zid_second");
      const loaded = await open().load();
      assert(loaded?.enrolment.deviceId === "zid_second", "the new enrolment");
      assert(loaded.userVerifyingKey === undefined, "without the old user-verifying key");
    },
  },
  {
    title: "an identity that was loaded can be saved again",
    check: async (open) => {
      await enrolled(open(), "zid_moved");
      const store = open();
      const loaded = await store.load();
      assert(loaded, "there is one");
      await store.save({ ...loaded, enrolment: { ...loaded.enrolment, gatewayUrl: "https://other.example" } });
      assert((await open().load())?.enrolment.gatewayUrl === "https://other.example", "the change is kept");
    },
  },
  {
    title: "a key of another store is refused and nothing is saved",
    check: async (open) => {
      const { deviceKey } = await enrolled(open(), "zid_kept");
      const attacker = { ...deviceKey };
      await rejectsWith(
        "key_store",
        open().save({ enrolment: { ...enrolment, deviceId: "zid_x" }, deviceKey: attacker }),
      );
      assert((await open().load())?.enrolment.deviceId === "zid_kept", "the old identity is there");
    },
  },
  {
    title: "clearing forgets the identity, and may be repeated",
    check: async (open) => {
      await enrolled(open(), "zid_gone");
      await open().clear();
      await open().clear();
      assert((await open().load()) === undefined, "nothing to load");
    },
  },
];
