import { createPrivateKey, generateKeyPairSync, type JsonWebKey, type KeyObject, randomBytes, sign } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { CallsealSdkError } from "../errors.ts";
import {
  type DeviceIdentity,
  type DeviceKey,
  type Enrolment,
  type KeyAlgorithm,
  type KeyStore,
  toPublicJwk,
} from "./key-store.ts";

interface FileContent {
  version: 1;
  enrolment: Enrolment;
  deviceKey: FileKey;
  userVerifyingKey?: FileKey;
}
interface FileKey {
  algorithm: KeyAlgorithm;
  privateJwk: JsonWebKey;
}

export interface FileKeyStoreOptions {
  /** The file; its folder is made when it is missing. */
  path: string;
}

/**
 * The key store of a Node process: one JSON file, mode 0600, replaced atomically. A file that group or others may read is
 * refused, as ssh does. Its user-verifying key has no person behind it: for simulations only.
 *
 * Errors: `key_store`.
 */
export function fileKeyStore({ path }: FileKeyStoreOptions): KeyStore {
  const ours = new WeakMap<DeviceKey, FileKey>();
  const openKey = (stored: FileKey): DeviceKey => {
    const key = openFileKey(stored);
    ours.set(key, stored);
    return key;
  };
  const storedOf = (key: DeviceKey): FileKey => {
    const stored = ours.get(key);
    if (!stored) throw new CallsealSdkError("key_store", { detail: "the key does not come from this store" });
    return stored;
  };
  return {
    generateKey: async ({ algorithm }) => openKey(generateFileKey(algorithm)),
    async save({ enrolment, deviceKey, userVerifyingKey }: DeviceIdentity) {
      const content: FileContent = { version: 1, enrolment, deviceKey: storedOf(deviceKey) };
      if (userVerifyingKey) content.userVerifyingKey = storedOf(userVerifyingKey);
      await guard(() => replaceFile(path, `${JSON.stringify(content, null, 2)}\n`));
    },
    load: () =>
      guard(async () => {
        const content = await readContent(path);
        if (!content) return undefined;
        const identity: DeviceIdentity = { enrolment: content.enrolment, deviceKey: openKey(content.deviceKey) };
        if (content.userVerifyingKey) identity.userVerifyingKey = openKey(content.userVerifyingKey);
        return identity;
      }),
    clear: () => guard(() => rm(path, { force: true })),
  };
}

function generateFileKey(algorithm: KeyAlgorithm): FileKey {
  const { privateKey } =
    algorithm === "ES256" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
  return { algorithm, privateJwk: privateKey.export({ format: "jwk" }) };
}

function openFileKey({ algorithm, privateJwk }: FileKey): DeviceKey {
  const privateKey: KeyObject = createPrivateKey({ key: privateJwk, format: "jwk" });
  const publicJwk = toPublicJwk({ ...privateJwk });
  if ((algorithm === "ES256") !== (publicJwk.kty === "EC")) {
    throw new CallsealSdkError("key_store", { detail: "the key is not of its algorithm" });
  }
  const digest = algorithm === "ES256" ? "sha256" : null;
  // JWS wants r and s side by side (RFC 7518 §3.4), not DER.
  const material = { key: privateKey, dsaEncoding: "ieee-p1363" } as const;
  return { algorithm, publicJwk, sign: async (data) => new Uint8Array(sign(digest, data, material)) };
}

async function readContent(path: string): Promise<FileContent | undefined> {
  let text: string;
  try {
    const { mode } = await stat(path);
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw new CallsealSdkError("key_store", { detail: "the key file is open to others; make it mode 0600" });
    }
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const content = JSON.parse(text) as FileContent;
  if (content.version !== 1) throw new CallsealSdkError("key_store", { detail: "the key file has an unknown version" });
  return content;
}

/** A crash leaves the old file or the new one, never a part: written beside it, flushed, renamed over it. */
async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const handle = await open(draft, "wx", 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

async function guard<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof CallsealSdkError) throw cause;
    // Without the cause's message: a parser quotes what it could not read, and that is a private key.
    throw new CallsealSdkError("key_store", { detail: `the key file failed (${errorName(cause)})` });
  }
}

function errorName(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.name : "unknown");
}
