import { z } from "zod";
import { providerNames } from "../../core/verification/provider-name.ts";

export const callId = z.string().regex(/^[\x21-\x7e]{1,128}$/, "is not 1 to 128 visible ASCII characters");
export const phoneNumber = z.string().regex(/^\+[1-9]\d{1,14}$/, "is not an E.164 number");
const locale = z.string().min(1).max(64);
export const subjectId = z.string().regex(/^suid_[A-Za-z0-9_-]{1,64}$/, "is not a subject id");
const metadata = z
  .record(z.string().min(1).max(64), z.string().max(256))
  .refine((record) => Object.keys(record).length <= 16, "has more than 16 values");

/** POST /scramble/caller/v1/sessions (PROTOCOL §2). */
export const createSessionBody = z.strictObject({
  provider: z.enum(providerNames),
  callId,
  dnis: phoneNumber.optional(),
  ani: phoneNumber.optional(),
  locale: locale.optional(),
  metadata: metadata.optional(),
  expectedSubject: subjectId.optional(),
  stirVerstat: z.string().min(1).max(64).optional(),
  reissue: z.boolean().optional(),
});

export const loopBody = z.strictObject({
  index: z.int().min(1).max(1000),
  digit: z
    .string()
    .regex(/^[0-9*#]$/, "is not one key of a phone")
    .optional(),
});

export const callEndedBody = z.strictObject({
  durationSeconds: z.number().min(0).max(1_000_000).optional(),
  disposition: z.string().min(1).max(64).optional(),
});

/** A body that may be absent and must be empty. */
export const emptyBody = z.strictObject({}).optional();

/** POST /ivr/sessions: the call id under the name that the platform's designer knows it by. */
export const flatSessionBody = createSessionBody
  .omit({ provider: true, callId: true })
  .extend({
    provider: z.enum(providerNames).default("generic"),
    callId: callId.optional(),
    contactId: callId.optional(),
    conversationId: callId.optional(),
    interactionId: callId.optional(),
  })
  .transform(({ contactId, conversationId, interactionId, ...body }, context) => {
    const given = [body.callId, contactId, conversationId, interactionId].filter((value) => value !== undefined);
    if (given.length !== 1) {
      context.addIssue({
        code: "custom",
        path: ["callId"],
        message: "give exactly one of callId, contactId, conversationId, interactionId",
      });
      return z.NEVER;
    }
    return { ...body, callId: given[0]! };
  });
