import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { signWebhook } from "../../../worker/delivery/sign-webhook.ts";

describe("signing a webhook", () => {
  test.each([
    {
      source: "the Standard Webhooks reference libraries",
      secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
      timestamp: 1614265330,
      body: '{"test": 2432232314}',
      signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    {
      source: "Svix' manual verification page",
      secret: "whsec_plJ3nmyCDGBKInavdOK15jsl",
      id: "msg_loFOjxBNrRLzqYUf",
      timestamp: 1731705121,
      body: '{"event_type":"ping","data":{"success":true}}',
      signature: "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
    },
  ])("[W22] makes the published vector of $source", ({ secret, id, timestamp, body, signature }) => {
    expect(signWebhook({ id, timestampMs: timestamp * 1000 + 999, body, secrets: [secret] })).toEqual({
      "webhook-id": id,
      "webhook-timestamp": String(timestamp),
      "webhook-signature": signature,
    });
  });

  test("[W22] every secret of a rotation signs, and a receiver that holds only one of them accepts", () => {
    const secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_plJ3nmyCDGBKInavdOK15jsl"];
    const body = '{"name":"Zoë"}';
    const headers = signWebhook({ id: "msg_1", timestampMs: Date.now(), body, secrets });
    expect(headers["webhook-signature"]?.split(" ")).toHaveLength(2);
    for (const secret of secrets) expect(new Webhook(secret).verify(body, headers)).toEqual({ name: "Zoë" });
    expect(() => new Webhook("whsec_AAAAAAAAAAAAAAAAAAAAAAAA").verify(body, headers)).toThrow();
  });
});
