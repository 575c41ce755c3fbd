import type { Request, Response } from "express";
import type { z } from "zod";
import { correlationOf } from "../http/correlation.ts";
import { callId } from "../http/session-schemas.ts";
import { fieldsOf, type WebhookFields, webhookTenantOf } from "./authenticate-webhook.ts";
import type { HostedCall } from "./hosted-step.ts";
import { readNumber } from "./read-number.ts";

const mostTurns = 1000;

/** Reads a verified webhook. What is missing, doubled or malformed is absent: a caller is never lost over a field. */
export function readCall(request: Request, response: Response, signal: AbortSignal): HostedCall {
  const tenant = webhookTenantOf(response);
  const fields = fieldsOf(request);
  const query: WebhookFields = request.query;
  return {
    tenant,
    settings: tenant.providers.twilio!,
    correlationId: correlationOf(response),
    callSid: textBy(callId, fields.CallSid),
    sid: query.sid === undefined ? undefined : (textOf(query.sid) ?? ""),
    turn: readTurn(query.loop),
    digit: matching(fields.Digits, /^[0-9*#]$/),
    ani: readNumber(textOf(fields.From)),
    dnis: readNumber(textOf(fields.To)),
    stirVerstat: matching(fields.StirVerstat, /^[\x21-\x7e]{1,64}$/),
    locale: matching(query.locale, /^.{1,64}$/),
    caseId: matching(query.crmCaseId, /^.{1,256}$/),
    callStatus: matching(fields.CallStatus, /^[a-z-]{1,32}$/),
    callDurationSeconds: toNumber(matching(fields.CallDuration, /^\d{1,6}$/)),
    errorCode: matching(fields.ErrorCode, /^\d{5}$/),
    signal,
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function textBy(schema: z.ZodType<string>, value: unknown): string | undefined {
  return schema.safeParse(value).data;
}

function matching(value: unknown, shape: RegExp): string | undefined {
  return typeof value === "string" && shape.test(value) ? value : undefined;
}

function toNumber(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

/** Our own URLs always name a turn. Any other one is counted as the first, so that the loop still comes to its end. */
function readTurn(value: unknown): number {
  const text = matching(value, /^\d{1,15}$/);
  return text === undefined ? 1 : Math.min(Math.max(Number(text), 1), mostTurns);
}
