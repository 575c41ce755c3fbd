import { setTimeout as wait } from "node:timers/promises";
import type { Dispatcher } from "undici";
import type { NiceSettings, Tenant } from "../../../core/tenants/tenant.ts";
import { parseRetryAfter } from "../../delivery/parse-retry-after.ts";
import { type AnsweredExchange, type Exchange, sendRequest } from "../../delivery/send-request.ts";
import { apiUrl, callIdSegment, mayCarryCredentials } from "../api-url.ts";
import type { CallProvider, InterceptOutcome, InterceptRequest } from "../call-provider.ts";
import { outcomeOfFailure } from "../outcome-of-failure.ts";
import { createAccessToken, type UsableToken } from "./access-token.ts";
import { fetchAccessToken } from "./fetch-access-token.ts";

export interface NiceProviderOptions {
  tenant: Pick<Tenant, "allowInsecureTargets">;
  settings: Extract<NiceSettings, { mode: "direct" }>;
  dispatcher: Dispatcher;
  attemptTimeoutMs: number;
  now: () => number;
}

/**
 * Moves live NICE CXone calls by the Signal API: `POST {apiBaseUrl}/inContactAPI/services/{apiVersion}/interactions/
 * {contactId}/signal?p1=confirmed&p2=<sessionId>` interrupts the contact's script at its `Onsignal` action with SP1 and
 * SP2. The script must compare SP2 with the session it created, so that a repeated or late signal changes nothing. The
 * receipt is not sent: a signal parameter has no documented length; the script reads it from `GET /ivr/sessions/{SP2}`.
 *
 * Any 2xx is success (vendor sources differ between 200, 202 and 204); 400 and 404 mean that the contact is gone; 401 and
 * 403 get a new token and one repeat; 429 and 5xx may be repeated. CXone documents no look-up that tells whether a
 * contact is still in its script, so that `lookUpCall` is always `unknown`.
 */
export function createNiceProvider(options: NiceProviderOptions): CallProvider {
  const { settings, dispatcher, attemptTimeoutMs, now } = options;
  const trusted = [settings.apiBaseUrl, settings.tokenUrl].every((url) =>
    mayCarryCredentials(url, options.tenant.allowInsecureTargets),
  );
  const accessToken = createAccessToken(() => fetchAccessToken({ settings, dispatcher, now }), now);

  function signal(request: InterceptRequest, segment: string, token: string, timeoutMs: number): Promise<Exchange> {
    const path = `/inContactAPI/services/${settings.apiVersion}/interactions/${segment}/signal`;
    const url = apiUrl(settings.apiBaseUrl, path);
    url.search = new URLSearchParams({ p1: "confirmed", p2: request.sessionId }).toString();
    return sendRequest(dispatcher, {
      url,
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        accept: "application/json",
        "user-agent": "Callseal",
        "x-correlation-id": request.correlationId,
      },
      timeoutMs,
      signal: request.signal,
      until: "status",
    });
  }

  return {
    async redirectCall(request) {
      if (!trusted) return { outcome: "rejected", detail: "insecure_url" };
      const segment = callIdSegment(request.callId);
      if (segment === undefined) return { outcome: "rejected", detail: "invalid_call_id" };
      const deadlineMs = now() + attemptTimeoutMs;
      let usable = await inTime(accessToken.current(), deadlineMs - now(), request.signal);
      for (let refusals = 0; ; refusals += 1) {
        if ("outcome" in usable) return usable.outcome;
        const exchange = await signal(request, segment, usable.token, Math.max(1, deadlineMs - now()));
        if (exchange.kind === "failed") return outcomeOfFailure(exchange);
        const refused = exchange.status === 401 || exchange.status === 403;
        if (!refused || refusals > 0) return mapSignalAnswer(exchange, now());
        usable = await inTime(accessToken.replace(usable.token), deadlineMs - now(), request.signal);
      }
    },
    lookUpCall: async () => "unknown",
    close: async () => accessToken.forget(),
  };
}

/** Waits for the shared login only as long as this attempt may last; the login itself goes on for the next attempt. */
async function inTime(login: Promise<UsableToken>, remainingMs: number, signal: AbortSignal): Promise<UsableToken> {
  const stopped = new AbortController();
  const either = AbortSignal.any([signal, stopped.signal]);
  const late = wait(Math.max(1, remainingMs), "timed_out", { signal: either }).catch(() => "aborted");
  const first = await Promise.race([
    login,
    late.then((detail) => ({ outcome: { outcome: "retryable", detail } as const })),
  ]);
  stopped.abort();
  return first;
}

function mapSignalAnswer({ status, headers }: AnsweredExchange, nowMs: number): InterceptOutcome {
  const detail = `nice_${status}`;
  if (status >= 200 && status < 300) return { outcome: "redirected" };
  if (status === 400 || status === 404) return { outcome: "call_ended", detail };
  if (status < 500 && status !== 429) return { outcome: "rejected", detail };
  const retryAfterMs = parseRetryAfter(headers["retry-after"], nowMs);
  return { outcome: "retryable", detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}
