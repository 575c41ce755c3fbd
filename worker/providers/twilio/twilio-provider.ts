import type { Dispatcher } from "undici";
import type { Tenant, TwilioSettings } from "../../../core/tenants/tenant.ts";
import { sendRequest } from "../../delivery/send-request.ts";
import { apiUrl, callIdSegment, mayCarryCredentials } from "../api-url.ts";
import type { CallProvider, InterceptRequest } from "../call-provider.ts";
import { outcomeOfFailure } from "../outcome-of-failure.ts";
import { buildCallUpdate } from "./build-call-update.ts";
import { mapFetchAnswer, mapUpdateAnswer } from "./map-twilio-answer.ts";

export interface TwilioProviderOptions {
  tenant: Pick<Tenant, "allowInsecureTargets">;
  settings: Extract<TwilioSettings, { mode: "direct" }>;
  dispatcher: Dispatcher;
  attemptTimeoutMs: number;
  now: () => number;
}

/**
 * Moves live Twilio calls: `POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}.json`, HTTP Basic with the newest auth
 * token (https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource).
 *
 * Two requests are written out here instead of using Twilio's REST client: that client loads for 150-260 ms and 31-34 MB
 * in a fresh process (axios included), drops `Retry-After`, and does not tell a request that was never sent from one
 * whose answer was lost. The tests compare what both put on the wire.
 */
export function createTwilioProvider(options: TwilioProviderOptions): CallProvider {
  const { settings, dispatcher, attemptTimeoutMs, now } = options;
  const trusted = mayCarryCredentials(settings.apiBaseUrl, options.tenant.allowInsecureTargets);
  const calls = apiUrl(settings.apiBaseUrl, `/2010-04-01/Accounts/${settings.accountSid}/Calls/`).href;
  const basic = Buffer.from(`${settings.accountSid}:${settings.authTokens[0]}`).toString("base64");

  function call(request: InterceptRequest, method: "GET" | "POST", form?: URLSearchParams) {
    const segment = callIdSegment(request.callId);
    if (segment === undefined) return undefined;
    return sendRequest(dispatcher, {
      url: new URL(`${calls}${segment}.json`),
      method,
      headers: {
        authorization: `Basic ${basic}`,
        accept: "application/json",
        "user-agent": "Callseal",
        "x-correlation-id": request.correlationId,
        ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
      },
      ...(form === undefined ? {} : { body: form.toString() }),
      timeoutMs: attemptTimeoutMs,
      signal: request.signal,
    });
  }

  return {
    async redirectCall(request) {
      if (!trusted) return { outcome: "rejected", detail: "insecure_url" };
      const { sessionId, receipt, origin } = request;
      const exchange = await call(request, "POST", buildCallUpdate({ settings, origin, sessionId, receipt }));
      if (exchange === undefined) return { outcome: "rejected", detail: "invalid_call_id" };
      return exchange.kind === "failed" ? outcomeOfFailure(exchange) : mapUpdateAnswer(exchange, now());
    },
    async lookUpCall(request) {
      const exchange = trusted ? await call(request, "GET") : undefined;
      return exchange?.kind === "answered" ? mapFetchAnswer(exchange) : "unknown";
    },
    close: async () => {},
  };
}
