import { CallsealSdkError } from "../errors.ts";
import type { KeyStore } from "./key-store.ts";
import { type IdentityRecord, type RecordSlot, webCryptoKeyStore } from "./web-crypto-key-store.ts";

// The few members of IndexedDB that are used, declared here so that the types need neither the DOM library nor Node's.
interface Request<T> {
  readonly result: T;
  readonly error: unknown;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}
interface OpenRequest extends Request<Database> {
  onupgradeneeded: (() => void) | null;
  onblocked: (() => void) | null;
}
interface Transaction {
  readonly error: unknown;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
  objectStore(name: string): ObjectStore;
}
interface ObjectStore {
  get(key: string): Request<unknown>;
  put(value: unknown, key: string): Request<unknown>;
  delete(key: string): Request<unknown>;
}
interface Database {
  createObjectStore(name: string): unknown;
  transaction(name: string, mode: "readonly" | "readwrite"): Transaction;
  close(): void;
}
interface Factory {
  open(name: string, version: number): OpenRequest;
}

export interface BrowserKeyStoreOptions {
  /** Name of the IndexedDB database, one a device identity. Default `callseal`. */
  databaseName?: string;
}

const storeName = "identity";
const recordKey = "device";

/**
 * The key store of a browser app: keys that cannot be exported, their handles in IndexedDB of this origin. They last as
 * long as the site's data; ask for `navigator.storage.persist()` if the browser should not evict them.
 */
export function browserKeyStore(options: BrowserKeyStoreOptions = {}): KeyStore {
  return webCryptoKeyStore(indexedDbSlot(options.databaseName ?? "callseal"));
}

function indexedDbSlot(databaseName: string): RecordSlot {
  return {
    read: async () =>
      (await transact(databaseName, "readonly", (store) => store.get(recordKey))) as IdentityRecord | undefined,
    write: async (record) => {
      await transact(databaseName, "readwrite", (store) => store.put(record, recordKey));
    },
    remove: async () => {
      await transact(databaseName, "readwrite", (store) => store.delete(recordKey));
    },
  };
}

/** Opens, runs one request, and resolves with its result once the transaction is durable, not merely once it was asked for. */
async function transact(
  databaseName: string,
  mode: "readonly" | "readwrite",
  act: (store: ObjectStore) => Request<unknown>,
): Promise<unknown> {
  const database = await openDatabase(databaseName);
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(storeName, mode);
      const request = act(transaction.objectStore(storeName));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? request.error);
    });
  } finally {
    database.close();
  }
}

function openDatabase(name: string): Promise<Database> {
  const { indexedDB } = globalThis as unknown as { indexedDB?: Factory };
  if (!indexedDB) throw new CallsealSdkError("key_store", { detail: "this platform has no IndexedDB" });
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(storeName);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("the database is open in another version"));
  });
}
