export type { CallsealErrorCode, CallsealSdkErrorOptions, GatewayCode, LocalCode } from "../errors.ts";
export { CallsealSdkError } from "../errors.ts";
export type { Fetch, FetchInit } from "../exchange-json.ts";
export {
  type InterceptHandler,
  type InterceptResponse,
  type InterceptWebhookOptions,
  interceptWebhook,
} from "./intercept-webhook.ts";
export type { ConfirmedCall } from "./read-confirmed.ts";
export type { InterceptRequest } from "./read-raw-body.ts";
export { type DeliveryMemory, rememberDeliveries } from "./remember-deliveries.ts";
export type {
  CallEndedRequest,
  CreatedSession,
  CreateSessionRequest,
  InterceptStatus,
  LoopAnswer,
  LoopRequest,
  ProviderName,
  SessionDocument,
  SessionStatus,
} from "./session.ts";
export { type CallOptions, type PollOptions, SessionsClient, type SessionsClientOptions } from "./sessions-client.ts";
export {
  type Acr,
  acrLadder,
  createReceiptVerifier,
  type Receipt,
  type ReceiptExpectations,
  type ReceiptKeys,
  verifyReceipt,
} from "./verify-receipt.ts";
export { type VerifiedWebhook, verifyWebhook, type WebhookToVerify } from "./verify-webhook.ts";
export type { WaitUntilTerminalOptions } from "./wait-until-terminal.ts";
