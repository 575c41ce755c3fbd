import type { KeyStore } from "./key-store.ts";
import { type IdentityRecord, webCryptoKeyStore } from "./web-crypto-key-store.ts";

/** A key store that forgets everything when the process or the page ends: for tests and kiosks. */
export function memoryKeyStore(): KeyStore {
  let record: IdentityRecord | undefined;
  return webCryptoKeyStore({
    read: async () => record,
    write: async (next) => {
      record = next;
    },
    remove: async () => {
      record = undefined;
    },
  });
}
