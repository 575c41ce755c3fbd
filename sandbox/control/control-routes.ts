import express, { type NextFunction, type Request, type Response, type Router } from "express";
import type { z } from "zod";
import type { CallRegister } from "../calls/call-register.ts";
import type { LiveCall } from "../calls/live-call.ts";
import { placeCall } from "../calls/place-call.ts";
import { pressDigits } from "../calls/press-digits.ts";
import type { CloudContext } from "../cloud-context.ts";
import { SandboxError, type SandboxErrorCode } from "../sandbox-error.ts";
import { waitReal } from "../scaled-clock.ts";
import { digitsInput, faultInput, ledgerQuery, placeCallInput } from "./control-inputs.ts";
import { describeLiveCall } from "./describe-live-call.ts";

const HTTP_STATUS: Record<SandboxErrorCode, number> = {
  invalid_request: 400,
  not_found: 404,
  call_ended: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  internal: 500,
  closed: 503,
  wait_timeout: 504,
};

/**
 * The control API, for people and for other processes; errors are `{ code, message }`. It asks for no credentials, so
 * it belongs on a loopback address; a JSON media type is required, so that no web page can post to it unasked.
 */
export function controlRoutes(calls: CallRegister, context: CloudContext): Router {
  const router = express.Router();
  router.use(requireJson, express.json({ limit: "64kb" }));
  router.get("/healthz", (_request, response) => void response.json({ status: "ok" }));
  router.get("/calls", (_request, response) => void response.json({ calls: calls.all().map(describeLiveCall) }));
  router.post("/calls", (request, response) => {
    const { voiceUrl, voiceMethod, ...rest } = read(placeCallInput, request.body);
    const first = { from: "url", url: voiceUrl, method: voiceMethod ?? "POST", purpose: "voice" } as const;
    const call = placeCall({ request: rest, direction: "inbound", first }, calls, context);
    response.status(201).json(describeLiveCall(call));
  });
  router.get("/calls/:sid", (request, response) => void response.json(describeLiveCall(find(request, calls))));
  router.post("/calls/:sid/digits", (request, response) => {
    const call = find(request, calls);
    const { digits } = read(digitsInput, request.body);
    response.json({ heard: pressDigits(call, digits, context) });
  });
  router.post("/calls/:sid/hangup", (request, response) => {
    const call = find(request, calls);
    call.hangUp();
    response.json(describeLiveCall(call));
  });
  router.get("/ledger", async (request, response) => {
    const { after, limit, wait } = read(ledgerQuery, request.query);
    if (wait > 0) await newEntry(after, { seconds: wait, response, context });
    const entries = context.ledger.after(after, limit);
    response.json({ entries, next: entries.at(-1)?.seq ?? after });
  });
  router.get("/faults", (_request, response) => void response.json({ faults: context.faults.faults }));
  router.post("/faults", (request, response) => {
    response.status(201).json(addFault(read(faultInput, request.body), context));
  });
  router.delete("/faults", (_request, response) => {
    context.faults.clear();
    response.status(204).end();
  });
  router.use((request) => {
    throw new SandboxError(
      "not_found",
      `${request.method} ${request.baseUrl}${request.path} is not of the control API`,
    );
  });
  router.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error);
    const { code, message } = asSandboxError(error, context);
    response.status(HTTP_STATUS[code]).json({ code, message });
  });
  return router;
}

function requireJson(request: Request, _response: Response, next: NextFunction): void {
  const hasBody = request.get("transfer-encoding") !== undefined || Number(request.get("content-length") ?? 0) > 0;
  if (hasBody && !request.is("application/json")) {
    throw new SandboxError("unsupported_media_type", "the body must be application/json");
  }
  next();
}

function read<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const result = schema.safeParse(input ?? {});
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => `/${issue.path.join("/")}: ${issue.message}`);
  throw new SandboxError("invalid_request", faults.join("; "));
}

/** Resolves when there is an entry after `seq`, the time is over, the client has gone or the cloud closes. */
async function newEntry(seq: number, wait: { seconds: number; response: Response; context: CloudContext }) {
  const { response, context } = wait;
  if (context.ledger.after(seq, 1).length > 0) return;
  const enough = new AbortController();
  const stop = context.ledger.onEntry(() => enough.abort());
  response.once("close", () => enough.abort());
  await waitReal(wait.seconds * 1000, AbortSignal.any([enough.signal, context.closing]));
  stop();
}

function addFault(input: z.output<typeof faultInput>, context: CloudContext) {
  try {
    return context.faults.add(input);
  } catch (error) {
    if (error instanceof RangeError) throw new SandboxError("invalid_request", error.message);
    throw error;
  }
}

function find(request: Request, calls: CallRegister): LiveCall {
  const call = calls.get(String(request.params["sid"]));
  if (!call) throw new SandboxError("not_found", "no such call");
  return call;
}

function asSandboxError(error: unknown, context: CloudContext): SandboxError {
  if (error instanceof SandboxError) return error;
  const status = error instanceof Error && "status" in error ? error.status : undefined;
  if (status === 413) return new SandboxError("payload_too_large", "the body is larger than 64 kB");
  if (status === 415) return new SandboxError("unsupported_media_type", "the body's encoding is not supported");
  if (typeof status === "number" && status < 500)
    return new SandboxError("invalid_request", "the request is unreadable");
  context.logger.warn({ error: error instanceof Error ? error.message : "unknown" }, "control.failed");
  return new SandboxError("internal", "something went wrong here");
}
