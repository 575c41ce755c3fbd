import { randomUUID } from "node:crypto";
import { newSigner, nowSeconds } from "../../support/enrol-device.ts";
import type { Entrance, FuzzInput } from "../entrance.ts";
import { mutateClaims, mutateJws } from "../mutate-jws.ts";
import { acme, fuzzPublicUrl, keyOf } from "../tenants.ts";
import { mutateTemplate, sendMutated, type Template } from "./send-mutated.ts";

/** Enrolments with codes that are good, spent or unknown, keys of both curves, and proofs that are nearly right. */
export const enrolments: Entrance = {
  name: "POST /enrollments",
  weight: 4,
  async run(input) {
    const { random, live, index } = input;
    const device = await live.device(index);
    const code = await activationCode(input, device.subjectId, device.activationCode);
    const signer = newSigner(random.chance(0.8) ? "ES256" : "EdDSA");
    const claims = { aud: fuzzPublicUrl, code, iat: nowSeconds(), jti: randomUUID() };
    const header = { alg: "ES256", typ: "callseal-enrollment+jwt" };
    const hostile = random.chance(0.3);
    const proof = hostile
      ? mutateJws(random, { key: signer.privateKey, header, claims: mutateClaims(random, claims) })
      : signer.sign({ typ: "callseal-enrollment+jwt" }, claims);
    const body = {
      activationCode: code,
      publicJwk: signer.publicJwk,
      ...(random.chance(0.1) ? { uvJwk: newSigner().publicJwk } : {}),
      name: "Pixel 9",
      platform: "android",
      ...(random.chance(0.3) ? { phone: device.phone } : {}),
      proof,
    };
    return await sendMutated(
      input,
      mutateTemplate(random, { method: "POST", target: "/scramble/device/v1/enrollments", body }),
    );
  },
};

/** A good one now and then, so that what comes after the code is reached. */
async function activationCode({ random, live }: FuzzInput, subjectId: string, spent: string): Promise<string> {
  if (random.chance(0.7)) return random.chance(0.5) ? spent : `unknown-${random.hex(20)}`;
  const made = await live.post(`/admin/v1/subjects/${subjectId}/activation-codes`, keyOf(acme.id, "admin"));
  live.made.devices += 1;
  return String(made["activationCode"]);
}

/** Subjects, codes, devices, events and figures. A device that is revoked is its run's own. */
export const administration: Entrance = {
  name: "/admin/v1",
  weight: 6,
  async run(input) {
    const { random, index, live } = input;
    const { subjectId, deviceId } = await live.device(index);
    const templates: readonly Template[] = [
      {
        method: "POST",
        target: "/admin/v1/subjects",
        body: { externalId: `person-${random.below(2000)}`, phones: ["+14155550001"] },
      },
      { method: "POST", target: "/admin/v1/subjects", body: { externalId: `new-${index}`, phones: [] } },
      { method: "POST", target: `/admin/v1/subjects/${subjectId}/activation-codes`, body: {} },
      { method: "GET", target: `/admin/v1/subjects/${subjectId}/devices` },
      { method: "GET", target: `/admin/v1/events?limit=${1 + random.below(5)}` },
      { method: "GET", target: `/admin/v1/events?limit=10&after=${random.below(2 ** 31)}-0-0` },
      ...(random.chance(0.05) ? ([{ method: "GET", target: "/admin/v1/stats?window=5" }] as const) : []),
      ...(random.chance(0.1) ? ([{ method: "DELETE", target: `/admin/v1/devices/${deviceId}` }] as const) : []),
    ];
    const template = random.pick(templates);
    if (template.method === "POST") live.made.devices += 1;
    return await sendMutated(input, mutateTemplate(random, { ...template, scope: "admin" }));
  },
};
