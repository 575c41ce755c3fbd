import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  browserKeyStore,
  type IdentityRecord,
  memoryKeyStore,
  webCryptoKeyStore,
} from "../../client-sdk/src/device/index.ts";
import { fileKeyStore } from "../../client-sdk/src/device/node.ts";
import { catchError } from "./catch-error.ts";
import { keyStoreContract } from "./key-store-contract.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "callseal-keys-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** As IndexedDB does it: what is written and read goes through the structured clone algorithm. */
function clonedSlot() {
  let record: IdentityRecord | undefined;
  return {
    read: async () => structuredClone(record),
    write: async (next: IdentityRecord) => {
      record = structuredClone(next);
    },
    remove: async () => {
      record = undefined;
    },
  };
}

const implementations = {
  memory: () => {
    const store = memoryKeyStore();
    return () => store;
  },
  "WebCrypto over structured clone": () => {
    const slot = clonedSlot();
    return () => webCryptoKeyStore(slot);
  },
  file: () => {
    const path = join(folder, crypto.randomUUID(), "device.json");
    return () => fileKeyStore({ path });
  },
};

for (const [name, implementation] of Object.entries(implementations)) {
  describe(`[K1] key store contract: ${name}`, () => {
    test.each(keyStoreContract)("$title", ({ check }) => check(implementation()));
  });
}

describe("WebCrypto key store", () => {
  test("[K2] a private key cannot be exported", async () => {
    let written: IdentityRecord | undefined;
    const slot = {
      read: async () => written,
      write: async (record: IdentityRecord) => {
        written = record;
      },
      remove: async () => {},
    };
    const store = webCryptoKeyStore(slot);
    const deviceKey = await store.generateKey({ algorithm: "ES256", purpose: "device" });
    await store.save({ enrolment: {} as never, deviceKey });
    expect(written?.deviceKey.privateKey.extractable).toBe(false);
    await expect(crypto.subtle.exportKey("jwk", written?.deviceKey.privateKey as never)).rejects.toThrow();
    expect(JSON.stringify(deviceKey)).not.toContain('"d"');
  });

  test("a slot that fails is a key_store error that keeps its cause", async () => {
    const cause = new Error("quota");
    const store = webCryptoKeyStore({ ...clonedSlot(), read: () => Promise.reject(cause) });
    const error = await catchError(store.load());
    expect([error.code, error.cause]).toEqual(["key_store", cause]);
  });

  test("a platform without IndexedDB is a key_store error", async () => {
    expect((await catchError(browserKeyStore().load())).code).toBe("key_store");
  });
});

describe("file key store", () => {
  const saved = async () => {
    const path = join(folder, crypto.randomUUID(), "device.json");
    const store = fileKeyStore({ path });
    const deviceKey = await store.generateKey({ algorithm: "ES256", purpose: "device" });
    await store.save({ enrolment: { deviceId: "zid_1" } as never, deviceKey });
    return { path, store, deviceKey };
  };

  test("[K3] the file is readable by its owner only, and nothing else is left beside it", async () => {
    const { path } = await saved();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(path, ".."))).toEqual(["device.json"]);
  });

  test("[K3] a file that others may read is refused", async () => {
    const { path, store } = await saved();
    await chmod(path, 0o640);
    expect((await catchError(store.load())).code).toBe("key_store");
  });

  test("[K3] twenty writers at once leave one whole identity", async () => {
    const { path, store } = await saved();
    const keys = await Promise.all(
      Array.from({ length: 20 }, () => store.generateKey({ algorithm: "ES256", purpose: "device" })),
    );
    await Promise.all(keys.map((deviceKey) => store.save({ enrolment: { deviceId: "zid_1" } as never, deviceKey })));
    const loaded = await fileKeyStore({ path }).load();
    expect(keys.map((key) => key.publicJwk.x)).toContain(loaded?.deviceKey.publicJwk.x);
    expect(await readdir(join(path, ".."))).toEqual(["device.json"]);
  });

  test("[K3] a broken file is a key_store error that quotes nothing of it", async () => {
    const { path, store } = await saved();
    const text = await readFile(path, "utf8");
    const secret = (JSON.parse(text) as { deviceKey: { privateJwk: { d: string } } }).deviceKey.privateJwk.d;
    const attackers = [
      text.slice(0, -20),
      "",
      "null",
      "[]",
      `"${secret}`,
      text.replace('"version": 1', '"version": 2'),
      text.replace('"P-256"', '"P-521"'),
      text.replace('"ES256"', '"EdDSA"'),
      text.replace(secret, `${secret}!!`).replace('"kty": "EC"', '"kty": "oct"'),
    ];
    for (const attacker of attackers) {
      await writeFile(path, attacker);
      const error = await catchError(store.load());
      expect(error.code).toBe("key_store");
      expect(`${error.stack}${JSON.stringify(error)}${String(error.cause)}`).not.toContain(secret);
    }
  });
});
