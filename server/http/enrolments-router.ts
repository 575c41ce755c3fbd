import { Router } from "express";
import { z } from "zod";
import { bareJwk, parseJws, publicJwkSchema } from "../../core/devices/verify-jws.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import { admitRequest } from "../admission/admit-request.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { correlationOf } from "./correlation.ts";
import { jsonBody, parse } from "./parse-body.ts";
import { phoneNumber } from "./session-schemas.ts";
import { textOf } from "./text-schema.ts";

export const enrolmentType = "callseal-enrollment+jwt";
const longestAgeSeconds = 300;
const mostAheadSeconds = 30;
const enrolmentWindowSeconds = 3600;

/** POST /scramble/device/v1/enrollments (PROTOCOL §4). */
export const enrolmentBody = z
  .strictObject({
    activationCode: z.string().min(1).max(128),
    publicJwk: publicJwkSchema,
    uvJwk: publicJwkSchema.optional(),
    name: textOf(1, 128),
    platform: textOf(1, 32),
    phone: phoneNumber.optional(),
    proof: z.string().max(4096),
  })
  .refine(({ publicJwk, uvJwk }) => uvJwk?.x !== publicJwk.x, {
    path: ["uvJwk"],
    message: "is the device key itself, which no person unlocks",
  });
type Enrolment = z.output<typeof enrolmentBody>;

/** Enrols a device: an activation code, a public key, and a proof by that key over the code. */
export function enrolmentsRouter(context: GatewayContext): Router {
  const router = Router();
  const most = Math.max(...context.tenants.all.map((tenant) => tenant.limits.enrollmentsPerHourPerAddress));
  const admit = admitRequest(context.admission.requests);
  router.post("/enrollments", jsonBody(), admit, async (request, response) => {
    // The tenant is known only once the code is, so guesses are limited by the most that any tenant allows.
    const { left } = await context.limits.consume("enrolments", request.ip ?? "unknown", most);
    const enrolment = parse(enrolmentBody, request.body);
    requireProof(context, enrolment);
    const activation = await context.devices.readActivation(enrolment.activationCode);
    if (!activation) throw new CallsealError("invalid_activation_code");
    requireTenantLimit(context, { tenant: activation.tenant, attempts: most - left });
    await requireOwnPhone(context, enrolment, activation);
    const deviceId = await context.devices.enrol({
      ...activation,
      activationCode: enrolment.activationCode,
      name: enrolment.name,
      platform: enrolment.platform,
      phone: enrolment.phone,
      publicJwk: bareJwk(enrolment.publicJwk),
      uvJwk: enrolment.uvJwk && bareJwk(enrolment.uvJwk),
      correlationId: correlationOf(response),
    });
    if (deviceId === undefined) throw new CallsealError("invalid_activation_code");
    response.set("Cache-Control", "no-store");
    response.status(201).json({ deviceId, subjectId: activation.subjectId, tenant: activation.tenant });
  });
  return router;
}

/** Counted in one window for all tenants; each of them may allow less than the most. */
function requireTenantLimit(context: GatewayContext, enrolling: { tenant: string; attempts: number }): void {
  const limit = context.tenants.byId(enrolling.tenant)?.limits.enrollmentsPerHourPerAddress ?? 0;
  if (enrolling.attempts <= limit) return;
  throw new CallsealError("rate_limited", {
    detail: "Too many enrolments from this address.",
    retryAfterSeconds: enrolmentWindowSeconds,
  });
}

function requireProof(context: GatewayContext, enrolment: Enrolment): void {
  const jws = parseJws(enrolment.proof);
  const verified = jws && context.verifyJws(jws, bareJwk(enrolment.publicJwk));
  if (
    !verified ||
    !isFresh(jws.claims, context.clock.now()) ||
    jws.claims.aud !== context.publicUrl ||
    jws.claims.code !== enrolment.activationCode
  ) {
    throw refusedProof();
  }
  if (jws.header.typ !== undefined && jws.header.typ !== enrolmentType) throw refusedProof();
}

function refusedProof(): CallsealError {
  return new CallsealError("invalid_request", {
    detail: "The proof is not by this key over this code and this gateway, or it is older than five minutes.",
    errors: [{ pointer: "/proof", message: "is not a valid proof" }],
  });
}

function isFresh(claims: Record<string, unknown>, nowMs: number): boolean {
  const { iat, exp, jti } = claims;
  const now = nowMs / 1000;
  if (typeof iat !== "number" || iat > now + mostAheadSeconds || iat < now - longestAgeSeconds) return false;
  if (typeof jti !== "string" || jti.length === 0) return false;
  return exp === undefined || (typeof exp === "number" && exp > now);
}

/** Nobody enrols for someone else's number: it must be one that an admin gave to this very subject. */
async function requireOwnPhone(
  context: GatewayContext,
  enrolment: Enrolment,
  activation: { tenant: string; subjectId: string },
): Promise<void> {
  if (enrolment.phone === undefined) return;
  const subject = await context.devices.readSubject(activation.tenant, activation.subjectId);
  if (subject?.phones.includes(enrolment.phone)) return;
  throw new CallsealError("invalid_request", {
    detail: "The number is not one of the subject's own.",
    errors: [{ pointer: "/phone", message: "is not a number of this subject" }],
  });
}
