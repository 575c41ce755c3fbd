export type { CallsealErrorCode, CallsealSdkErrorOptions, GatewayCode, LocalCode } from "../errors.ts";
export { CallsealSdkError } from "../errors.ts";
export type { Fetch, FetchInit } from "../exchange-json.ts";
export { type BrowserKeyStoreOptions, browserKeyStore } from "./browser-key-store.ts";
export type { ClaimOptions } from "./claim.ts";
export type { ConfirmAnswer } from "./confirm.ts";
export {
  type ConnectDeviceOptions,
  connectDevice,
  type DeviceConnection,
  type DeviceEvents,
} from "./connect-device.ts";
export type { DenyAnswer } from "./deny.ts";
export type { LinkState } from "./device-link.ts";
export { type EnrolOptions, enrol } from "./enrol.ts";
export type {
  DeviceIdentity,
  DeviceKey,
  Enrolment,
  KeyAlgorithm,
  KeyRequest,
  KeyStore,
  PublicJwk,
} from "./key-store.ts";
export { memoryKeyStore } from "./memory-key-store.ts";
export type {
  CallState,
  Challenge,
  ChallengeContent,
  Confirmation,
  Denial,
  DenyReason,
  ProviderName,
  PushKind,
  Withdrawal,
} from "./protocol.ts";
export type { Offer } from "./receive-message.ts";
export type { ReconnectOptions } from "./reconnect-policy.ts";
export { type IdentityRecord, type RecordSlot, type StoredKey, webCryptoKeyStore } from "./web-crypto-key-store.ts";
