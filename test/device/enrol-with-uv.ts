import { randomUUID } from "node:crypto";
import { activationCode, type DeviceAlgorithm, newSigner, nowSeconds } from "../support/enrol-device.ts";
import type { Deployment } from "../support/gateway.ts";
import { send } from "../support/send.ts";

/** A device with a second key that only biometry or a PIN unlocks, and proofs by either. */
export async function enrolWithUv(
  deployment: Deployment,
  options: { plain?: DeviceAlgorithm; uv?: DeviceAlgorithm; phones?: string[] } = {},
) {
  const { subjectId, code } = await activationCode(deployment, { phones: options.phones ?? [] });
  const keys = { plain: newSigner(options.plain), uv: newSigner(options.uv) };
  const claims = { aud: deployment.publicUrl, code, iat: nowSeconds(), jti: randomUUID() };
  const enrolled = await send(deployment.gateway, "POST /scramble/device/v1/enrollments", {
    json: {
      activationCode: code,
      publicJwk: keys.plain.publicJwk,
      uvJwk: keys.uv.publicJwk,
      name: "Test phone",
      platform: "ios",
      proof: keys.plain.sign({}, claims),
    },
  });
  if (enrolled.status !== 201) throw new Error(`not enrolled: ${enrolled.status} ${enrolled.text}`);
  const deviceId = String(enrolled.body["deviceId"]);
  const issue = (key: "plain" | "uv", typ: string, more: Record<string, unknown>) => {
    const iat = nowSeconds();
    const common = { iss: deviceId, aud: deployment.publicUrl, iat, exp: iat + 60, jti: randomUUID() };
    const jws = keys[key].sign({ typ, kid: deviceId }, { ...common, ...more });
    deployment.secrets.add(jws);
    return jws;
  };
  return {
    deviceId,
    subjectId,
    token: () => issue("plain", "callseal-device+jwt", {}),
    issue,
  };
}
