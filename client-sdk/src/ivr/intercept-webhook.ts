import { type CallsealErrorCode, CallsealSdkError } from "../errors.ts";
import { type ConfirmedCall, readConfirmed } from "./read-confirmed.ts";
import { type InterceptRequest, readRawBody } from "./read-raw-body.ts";
import { type DeliveryMemory, rememberDeliveries } from "./remember-deliveries.ts";
import { readSecret, verifyWebhook } from "./verify-webhook.ts";

/** The part of a Node or Express response that is written. */
export interface InterceptResponse {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(body?: string): unknown;
}

export interface InterceptWebhookOptions {
  /** The tenant's webhook secrets, `whsec_…`; several during a rotation. */
  secrets: readonly string[];
  /**
   * Moves the live call. Answer within 10 s; when it rejects, the gateway is told 500 and delivers again. It must be
   * idempotent all the same: a process that dies after it and before it is remembered will see the call again.
   */
  onConfirmed: (call: ConfirmedCall) => void | Promise<void>;
  /** How far a delivery may lie from now, either way. Default 300. */
  toleranceSeconds?: number;
  /** Default: the latest 10000 ids, in this process. */
  memory?: DeliveryMemory;
  /** Default 65536. */
  bodyLimitBytes?: number;
  /** Told of every refusal and of a handler that failed; for the log. */
  onError?: (error: unknown) => void;
  /** Milliseconds since the epoch. Default `Date.now`. */
  clock?: () => number;
}

export type InterceptHandler = (request: InterceptRequest, response: InterceptResponse) => Promise<void>;

const statusOf: Partial<Record<CallsealErrorCode, number>> = {
  invalid_signature: 401,
  payload_too_large: 413,
  invalid_request: 400,
};

/**
 * Receives the gateway's intercept webhook (PROTOCOL §5): an Express middleware or a plain Node handler. A delivery is
 * verified before a byte of it is believed, and a `webhook-id` that was handled is acknowledged without being handled again.
 *
 * Answers 204 when handled or already handled, and for event types it does not know; 401 for a bad signature, 400, 405, 413;
 * 500 when `onConfirmed` fails. Mount it before any `express.json()`.
 *
 * @example
 * app.post("/ivr/intercept", interceptWebhook({ secrets: [secret], onConfirmed: (call) => moveCall(call.callId) }));
 */
export function interceptWebhook(options: InterceptWebhookOptions): InterceptHandler {
  const memory = options.memory ?? rememberDeliveries();
  const underWay = new Map<string, Promise<void>>();
  checkSecrets(options.secrets);

  /** A repeat that overtakes the first delivery waits for it and shares its outcome. */
  const handleOnce = (id: string, handle: () => void | Promise<void>): Promise<void> => {
    const first = underWay.get(id);
    if (first) return first;
    const work = (async () => {
      if (await memory.has(id)) return;
      await handle();
      await memory.add(id);
    })().finally(() => underWay.delete(id));
    underWay.set(id, work);
    return work;
  };

  return async (request, response) => {
    try {
      if (request.method !== undefined && request.method !== "POST") return refuseMethod(response);
      const { id, body } = await receive(request, options);
      const call = readConfirmed(body);
      if (call) await handleOnce(id, () => options.onConfirmed(call));
      response.statusCode = 204;
      response.end();
    } catch (error) {
      options.onError?.(error);
      refuse(response, error);
    }
  };
}

/** At the start of the process, not at the first call of the day. */
function checkSecrets(secrets: readonly string[]): void {
  if (secrets.length === 0) throw new CallsealSdkError("invalid_argument", { detail: "at least one secret" });
  for (const secret of secrets) readSecret(secret);
}

async function receive(request: InterceptRequest, options: InterceptWebhookOptions) {
  const body = await readRawBody(request, options.bodyLimitBytes ?? 65_536);
  const { id } = await verifyWebhook({
    secrets: options.secrets,
    headers: request.headers,
    body,
    toleranceSeconds: options.toleranceSeconds ?? 300,
    nowMs: (options.clock ?? Date.now)(),
  });
  return { id, body };
}

function refuseMethod(response: InterceptResponse): void {
  response.statusCode = 405;
  response.setHeader("allow", "POST");
  response.end();
}

/** Says the code and nothing else: the sender may be anyone. */
function refuse(response: InterceptResponse, error: unknown): void {
  const code = error instanceof CallsealSdkError ? error.code : undefined;
  const status = (code && statusOf[code]) ?? 500;
  response.statusCode = status;
  response.setHeader("content-type", "application/problem+json");
  // What is left of a body that was too large is not read.
  if (status === 413) response.setHeader("connection", "close");
  response.end(JSON.stringify({ type: "about:blank", status, code: status === 500 ? "internal" : code }));
}
