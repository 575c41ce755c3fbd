import express, { type NextFunction, type Request, type Response, type Router } from "express";
import type { CallRegister } from "../calls/call-register.ts";
import type { LiveCall } from "../calls/live-call.ts";
import { placeCall } from "../calls/place-call.ts";
import { updateCall } from "../calls/update-call.ts";
import type { CloudContext } from "../cloud-context.ts";
import { API_VERSION } from "../webhooks/describe-call.ts";
import { answerThroughFaults } from "./answer-through-faults.ts";
import { authenticateAccount } from "./authenticate-account.ts";
import { callResource } from "./call-resource.ts";
import { type Instructions, type RestForm, readInstructions, text } from "./read-instructions.ts";
import {
  authenticationError,
  notFound,
  notInProgress,
  sendTwilioError,
  serverError,
  TwilioError,
} from "./twilio-error.ts";

/** A REST answer: the status and the resource. */
interface RestAnswer {
  httpStatus: number;
  body: unknown;
}

/** The Calls resource of Twilio's REST API, as far as a live call needs it: create, fetch, update. */
export function restRoutes(calls: CallRegister, context: CloudContext): Router {
  const router = express.Router({ caseSensitive: true });
  router.use((request, response, next) => recordAnswer(request, response, next, context));
  const one = `/${API_VERSION}/Accounts/:accountSid/Calls/:callSid.json`;
  const find = (request: Request) => findCall(request, calls);
  router.use(`/${API_VERSION}/Accounts/:accountSid`, (request, _response, next) => {
    const account = authenticateAccount(request.get("authorization"), context.accounts);
    if (!account) throw authenticationError();
    if (account.accountSid !== request.params["accountSid"]) throw notFound(request.baseUrl);
    next();
  });
  router.use(express.urlencoded({ extended: false, limit: "256kb", parameterLimit: 200 }));
  router.get(one, (request, response) =>
    answerThroughFaults({ request, response, target: "call_fetch", context }, () => fetched(find(request), context)),
  );
  router.post(one, (request, response) =>
    answerThroughFaults({ request, response, target: "call_update", context }, () => {
      const call = find(request);
      applyUpdate(call, readInstructions(formOf(request)), context);
      return fetched(call, context);
    }),
  );
  router.post(`/${API_VERSION}/Accounts/:accountSid/Calls.json`, (request, response) => {
    const call = createCall(String(request.params["accountSid"]), formOf(request), calls, context);
    response.status(201).json(callResource(call, context.clock.scale));
  });
  router.use((request) => {
    throw notFound(request.path);
  });
  router.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) next(error);
    else sendTwilioError(response, asTwilioError(error, context));
  });
  return router;
}

function fetched(call: LiveCall, context: CloudContext): RestAnswer {
  return { httpStatus: 200, body: callResource(call, context.clock.scale) };
}

function findCall(request: Request, calls: CallRegister): LiveCall {
  const { accountSid, callSid } = request.params;
  const call = calls.get(String(callSid));
  if (!call || call.accountSid !== accountSid) throw notFound(request.path);
  return call;
}

/**
 * A call that is over refuses every update; `canceled` leaves a call in progress alone; a redirect needs one.
 * Source: https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource
 */
function applyUpdate(call: LiveCall, instructions: Instructions, context: CloudContext): void {
  const { source, status, fallback, statusCallback } = instructions;
  if (call.isOver || (source && call.status !== "in-progress")) throw notInProgress();
  if (fallback) call.fallback = fallback;
  if (statusCallback) call.statusCallback = { ...statusCallback, nextSequenceNumber: 0 };
  if (status) {
    context.ledger.append({ type: "call.updated", callSid: call.sid, with: "status" });
    if (status === "completed") call.end("ended_by_api", "completed");
    else if (call.status !== "in-progress") call.end("ended_by_api", "canceled");
  } else if (source) {
    updateCall(call, source, context);
  }
}

function createCall(accountSid: string, form: RestForm, calls: CallRegister, context: CloudContext): LiveCall {
  const to = text(form, "To");
  const from = text(form, "From");
  if (to === undefined) throw new TwilioError(400, 21201, "No 'To' number is specified");
  if (from === undefined) throw new TwilioError(400, 21213, "No 'From' number is specified");
  const { source, fallback, statusCallback } = readInstructions(form);
  if (!source) throw new TwilioError(400, 21205, "Url parameter is required.");
  const first = source.from === "url" ? { ...source, purpose: "voice" as const } : source;
  const request = {
    accountSid,
    to,
    from,
    ...(fallback ? { fallbackUrl: fallback.url, fallbackMethod: fallback.method } : {}),
    ...(statusCallback
      ? {
          statusCallback: statusCallback.url,
          statusCallbackMethod: statusCallback.method,
          statusCallbackEvents: statusCallback.events,
        }
      : {}),
  };
  return placeCall({ request, direction: "outbound-api", first }, calls, context);
}

/** The parsed form; nothing when the body was of another media type, which Twilio does not read either. */
function formOf(request: Request): RestForm {
  const body: unknown = request.body;
  return typeof body === "object" && body !== null ? (body as RestForm) : {};
}

function asTwilioError(error: unknown, context: CloudContext): TwilioError {
  if (error instanceof TwilioError) return error;
  const status = error instanceof Error && "status" in error && typeof error.status === "number" ? error.status : 500;
  if (status >= 400 && status < 500) return new TwilioError(status, 20001, "The request could not be read");
  context.logger.warn({ error: error instanceof Error ? error.message : "unknown" }, "rest.failed");
  return serverError();
}

function recordAnswer(request: Request, response: Response, next: NextFunction, context: CloudContext): void {
  const path = request.path;
  response.on("finish", () => {
    const code: unknown = response.locals["twilioCode"];
    const callSid = /CA[0-9a-f]{32}/.exec(path)?.[0];
    context.ledger.append({
      type: "rest.answered",
      method: request.method,
      path: path.slice(0, 200),
      httpStatus: response.statusCode,
      ...(typeof code === "number" ? { code } : {}),
      ...(callSid === undefined ? {} : { callSid }),
    });
  });
  next();
}
