import { z } from "zod";
import { isHttpUrl } from "../calls/place-call.ts";

const method = z.enum(["GET", "POST"]);
const httpUrl = z.string().refine(isHttpUrl, "must be an absolute HTTP(S) URL");
const number = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[\x21-\x7e]+$/, "must be visible ASCII");
const statusEvent = z.enum(["initiated", "ringing", "answered", "completed"]);
const wholeMs = z.number().int().min(0).max(120_000);

/** Body of `POST /sandbox/calls`; the fields of `PlaceCallRequest`. */
export const placeCallInput = z.strictObject({
  accountSid: z.string().max(64).exactOptional(),
  to: number,
  from: number.exactOptional(),
  voiceUrl: httpUrl,
  voiceMethod: method.exactOptional(),
  fallbackUrl: httpUrl.exactOptional(),
  fallbackMethod: method.exactOptional(),
  statusCallback: httpUrl.exactOptional(),
  statusCallbackMethod: method.exactOptional(),
  statusCallbackEvents: z.array(statusEvent).max(4).exactOptional(),
  stirVerstat: z.string().min(1).max(64).exactOptional(),
});

/** Body of `POST /sandbox/calls/{sid}/digits`. */
export const digitsInput = z.strictObject({
  digits: z.string().regex(/^[0-9*#]{1,64}$/, "takes 1 to 64 of 0-9, * and #"),
});

/** Body of `POST /sandbox/faults`; the fields of `FaultRequest`. */
export const faultInput = z.strictObject({
  target: z.enum(["call_update", "call_fetch", "webhook", "status_callback"]),
  kind: z.enum([
    "500",
    "429",
    "slow",
    "lateSuccess",
    "reset",
    "resetAfterEffect",
    "drop",
    "delay",
    "duplicate",
    "loseAnswer",
  ]),
  times: z.number().int().min(1).max(1_000_000).exactOptional(),
  rate: z.number().min(0).max(1).exactOptional(),
  seed: z.number().int().min(0).max(0xffffffff).exactOptional(),
  delayMs: wholeMs.exactOptional(),
  retryAfterSeconds: z.number().int().min(0).max(3600).exactOptional(),
  callSid: z
    .string()
    .regex(/^CA[0-9a-f]{32}$/, "must be a call SID")
    .exactOptional(),
});

const wholeNumber = z
  .string()
  .regex(/^\d{1,12}$/, "must be a whole number")
  .transform(Number);

/** Query of `GET /sandbox/ledger`; `wait` holds an empty answer for so many real seconds. */
export const ledgerQuery = z.strictObject({
  after: wholeNumber.default(0),
  limit: wholeNumber.pipe(z.number().min(1).max(10_000)).default(1000),
  wait: wholeNumber.pipe(z.number().max(30)).default(0),
});
