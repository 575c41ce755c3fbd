import type { CloudContext } from "../cloud-context.ts";
import { type HttpAnswer, type HttpFailure, sendOnce } from "./send-once.ts";
import { signedRequest } from "./signed-request.ts";
import type { Delivery } from "./webhook.ts";

/** What came of a request, and from which URL. */
export type HttpOutcome = (HttpAnswer | HttpFailure) & { url: string };

/** More are error 11215, "HTTP too many redirects"; Twilio documents the error and no number. */
const MAX_HOPS = 10;

/** Sends a webhook and follows where it is redirected: 301, 302 and 303 by GET, 307 and 308 by the same method, each signed anew. */
export async function followRedirects(delivery: Delivery, context: CloudContext): Promise<HttpOutcome> {
  let { url, method } = delivery;
  for (let hop = 0; hop <= MAX_HOPS; hop += 1) {
    const answer = await sendSigned({ ...delivery, url, method }, context);
    if (answer.outcome === "failure" || ![301, 302, 303, 307, 308].includes(answer.httpStatus))
      return { ...answer, url };
    if (!answer.location || !URL.canParse(answer.location, url)) return { ...answer, url };
    url = new URL(answer.location, url).href.split("#", 1)[0] ?? url;
    if (answer.httpStatus < 304) method = "GET";
  }
  return { outcome: "failure", class: "other", code: 11215, message: "too many redirects", url };
}

async function sendSigned(delivery: Delivery, context: CloudContext): Promise<HttpAnswer | HttpFailure> {
  const { settings, deadline } = delivery;
  const authToken = context.accounts.get(delivery.accountSid)?.authToken ?? "";
  const outgoing = signedRequest(delivery, authToken);
  if (!outgoing) return { outcome: "failure", class: "other", code: 11100, message: "the URL is not absolute HTTP(S)" };
  return await sendOnce(outgoing, {
    agent: context.agents.for(settings.connectMs),
    readMs: settings.readMs,
    remainingMs: Math.max(1, deadline - performance.now()),
    closing: context.closing,
  });
}
