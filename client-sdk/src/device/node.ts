export { type FileKeyStoreOptions, fileKeyStore } from "./file-key-store.ts";
