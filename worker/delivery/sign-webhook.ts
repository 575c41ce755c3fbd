import { Webhook } from "standardwebhooks";

export interface WebhookToSign {
  /** The same for every attempt; receivers drop repeats by it. Must not contain a full stop. */
  id: string;
  /** The attempt's time in milliseconds since the epoch; receivers refuse one that is more than five minutes off. */
  timestampMs: number;
  /** The very bytes that are sent. */
  body: string;
  /** `whsec_…`; each one signs, so that a receiver may hold the old or the new one during a rotation. */
  secrets: readonly string[];
}

/** Makes the three headers of the Standard Webhooks specification, scheme `v1` (HMAC-SHA256). Throws on a malformed secret. */
export function signWebhook(webhook: WebhookToSign): Record<string, string> {
  const { id, timestampMs, body, secrets } = webhook;
  const signatures = secrets.map((secret) => new Webhook(secret).sign(id, new Date(timestampMs), body));
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(timestampMs / 1000)),
    "webhook-signature": signatures.join(" "),
  };
}
