import { z } from "zod";
import { providerNames } from "../../../core/verification/provider-name.ts";

/** The shapes that the gateway answers with, for the published description and for the tests that hold it to them. */
const instant = z.iso.datetime({ precision: 3 }).describe("RFC 3339, UTC, milliseconds");
const sessionId = z
  .string()
  .regex(/^csn_[A-Za-z0-9_-]{22}_\d+$/)
  .meta({ examples: ["csn_w6eYMPLKr-xApDqlWTl1NQ_1"] });
const status = z.enum(["pending", "confirmed", "denied", "canceled", "timeout"]);
const did = z
  .string()
  .regex(/^\d{6,10}$/)
  .describe("the code to speak; an identifier, not a secret");

export const createdSession = z.strictObject({
  sessionId,
  callId: z.string(),
  provider: z.enum(providerNames),
  status,
  generation: z.int().min(1),
  did: did.optional().describe("only while pending"),
  ttlSeconds: z.int(),
  expiresAt: instant,
  maxRetries: z.int(),
  prompts: z.strictObject({ speak: z.string(), loop: z.string() }).optional().describe("only while pending"),
});

export const statusDocument = z.strictObject({
  sessionId,
  callId: z.string(),
  provider: z.enum(providerNames),
  status,
  terminal: z.boolean(),
  generation: z.int().min(1),
  createdAt: instant,
  expiresAt: instant,
  callEndedAt: instant.optional().describe("when the hang-up was reported"),
  confirmedAt: instant.optional(),
  method: z.enum(["did", "push"]).optional(),
  subjectId: z.string().optional(),
  deviceId: z.string().optional(),
  intercept: z.strictObject({
    status: z.enum(["none", "pending", "succeeded", "failed", "skipped"]),
    attempts: z.int(),
  }),
  receipt: z.string().optional().describe("JWS (ES256, typ callseal-receipt+jwt), once confirmed"),
});

export const loopAnswer = z.strictObject({
  next: z.enum(["prompt", "success", "failure", "canceled"]),
  status,
  remaining: z.int().min(0),
});

export const verifications = z.strictObject({
  verifications: z.array(
    z.strictObject({ caseId: z.string(), sessionId, subjectId: z.string(), verifiedAt: instant, expiresAt: instant }),
  ),
});

const flatFields = {
  sessionId,
  status: z.enum(["pending", "confirmed", "expired", "canceled", "denied"]),
  terminal: z.boolean(),
  canReissue: z.boolean(),
  ttlSeconds: z.int(),
  expiresInSeconds: z.int().min(0),
  pollAfterSeconds: z.int().min(0),
};
export const flatStatus = z.strictObject(flatFields);
export const flatSession = z.strictObject({
  ...flatFields,
  did: z.string().describe("empty when the session is not pending, like the three below"),
  didSpoken: z.string(),
  speak: z.string(),
  loop: z.string(),
});

export const enrolment = z.strictObject({ deviceId: z.string(), subjectId: z.string(), tenant: z.string() });
export const subject = z.strictObject({ subjectId: z.string() });
export const activation = z.strictObject({ activationCode: z.string(), expiresAt: instant });
export const devices = z.strictObject({
  devices: z.array(
    z.strictObject({
      deviceId: z.string(),
      name: z.string(),
      platform: z.string(),
      phone: z.string().nullable(),
      status: z.enum(["active", "revoked", "disabled"]),
      createdAt: instant,
      lastSeenAt: instant.nullable(),
    }),
  ),
});
export const events = z.strictObject({
  events: z.array(
    z.looseObject({
      id: z.string(),
      type: z.string(),
      time: instant,
      tenant: z.string(),
      sessionId: sessionId.optional(),
      callId: z.string().optional(),
      provider: z.string().optional(),
      correlationId: z.string(),
    }),
  ),
  next: z.string().optional().describe("the position to go on from, as `after`"),
});

const figure = z.number().nullable();
export const stats = z.strictObject({
  windowSeconds: z.int(),
  sessions: z.strictObject({
    created: z.int(),
    confirmed: z.int(),
    denied: z.int(),
    canceled: z.int(),
    timeout: z.int(),
  }),
  containment: figure.describe("share of ended sessions that were confirmed"),
  timeToVerifySeconds: z.strictObject({ p50: figure, p95: figure, p99: figure }),
  wrongDidRate: figure.describe("wrong DIDs for each session"),
  timeoutRate: figure.describe("share of ended sessions that timed out"),
  interceptFailures: z.int(),
  averageHandleTimeSeconds: z.strictObject({ verified: figure, unverified: figure }),
});

export const health = z.strictObject({ status: z.literal("ok") });
export const readiness = z.strictObject({
  status: z.enum(["ready", "not_ready"]),
  checks: z.record(z.string(), z.string()),
});
export const jwks = z.strictObject({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.string() })) });

/** RFC 9457, with the code that programs branch on. */
export const problem = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  code: z.enum([
    "invalid_request",
    "unauthenticated",
    "forbidden",
    "not_found",
    "session_terminal",
    "reissue_exhausted",
    "payload_too_large",
    "unsupported_media_type",
    "rate_limited",
    "internal",
    "unavailable",
    "invalid_activation_code",
  ]),
  correlationId: z.string(),
  errors: z.array(z.strictObject({ pointer: z.string(), message: z.string() })).optional(),
});
