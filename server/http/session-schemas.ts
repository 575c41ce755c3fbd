import { z } from "zod";
import { providerNames } from "../../core/verification/provider-name.ts";
import { textOf } from "./text-schema.ts";

const callIdShape = /^[\x21-\x7e]{1,128}$/;
const notACallId = "is not 1 to 128 visible ASCII characters";
const phoneNumberShape = /^\+[1-9]\d{1,14}$/;
const notANumber = "is not an E.164 number";
export const callId = z.string().regex(callIdShape, notACallId);
export const phoneNumber = z.string().regex(phoneNumberShape, notANumber);
/** A tag that cannot be resolved is the tenant's default, so nobody's call fails over its language. */
const locale = textOf(0, 64);
export const subjectId = z.string().regex(/^suid_[A-Za-z0-9_-]{1,64}$/, "is not a subject id");
const metadata = z
  .record(textOf(0, 64), textOf(0, 256))
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
  stirVerstat: textOf(1, 64).optional(),
  reissue: z.boolean().optional(),
});

export const loopBody = z.strictObject({
  index: z.int().min(1),
  digit: z
    .string()
    .regex(/^[0-9*#A-D]$/, "is not one key of a phone")
    .optional(),
});

export const callEndedBody = z.strictObject({
  durationSeconds: z.number().min(0).max(1_000_000).optional(),
  disposition: textOf(1, 64).optional(),
});

/** A body that may be absent and must be empty. */
export const emptyBody = z.strictObject({}).optional();

/** A designer's variable that was never set arrives as an empty text: absent, like a number that was withheld. */
function orBlank(shape: RegExp, message: string) {
  return z
    .string()
    .regex(new RegExp(`^$|${shape.source}`), message)
    .transform((text) => (text === "" ? undefined : text))
    .optional();
}

const flatCallId = orBlank(callIdShape, notACallId);
const flatNumber = orBlank(phoneNumberShape, notANumber);

/** POST /ivr/sessions: the call id under the name that the platform's designer knows it by. */
export const flatSessionBody = createSessionBody
  .omit({ provider: true, callId: true })
  .extend({
    provider: z.enum(providerNames).default("generic"),
    dnis: flatNumber,
    ani: flatNumber,
    callId: flatCallId,
    contactId: flatCallId,
    conversationId: flatCallId,
    interactionId: flatCallId,
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
