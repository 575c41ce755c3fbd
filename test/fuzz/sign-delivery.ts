import { createHmac } from "node:crypto";
import { nowSeconds } from "../support/enrol-device.ts";
import { hostileText } from "./hostile-values.ts";
import type { FuzzRandom } from "./random.ts";
import { webhookSecret } from "./tenants.ts";

/** The headers of a delivery by Standard Webhooks, rightly signed mostly. */
export function signDelivery(random: FuzzRandom, body: Buffer): Record<string, string | string[] | undefined> {
  const id = `msg_${random.hex(8)}`;
  const timestamp = String(nowSeconds() + random.pick([0, 0, 0, 0, 299, -301, 3600]));
  const key = Buffer.from(webhookSecret.slice("whsec_".length), "base64");
  const hmac = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
  const right = { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${hmac}` };
  if (random.chance(0.7)) return right;
  const name = random.pick(["webhook-id", "webhook-timestamp", "webhook-signature"] as const);
  const odd = random.pick([
    undefined,
    "",
    [right[name], right[name]],
    ` ${right[name]}`,
    `${right[name]} v1,x v2,y`,
    hostileText(random),
    "v1,".repeat(2000),
  ]);
  return { ...right, [name]: odd };
}
