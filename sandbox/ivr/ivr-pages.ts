import express, { type Request, type Response, type Router } from "express";
import type { CloudContext } from "../cloud-context.ts";
import type { LedgerEvent } from "../ledger/ledger-entry.ts";

type Page = "verified" | "unverified";

const TEXTS: Record<Page, string> = {
  verified: "Thank you, you are verified. An agent will be with you in a moment.",
  unverified: "We could not verify you. An agent will ask you a few questions.",
};

/**
 * Two ready-made IVR pages, so that a demo has somewhere to send a caller: `/ivr/verified` and `/ivr/unverified`, GET or
 * POST. They answer TwiML that says which one it is and hangs up, and record the names of their query parameters.
 */
export function ivrPages(context: CloudContext): Router {
  const router = express.Router();
  router.use(express.urlencoded({ extended: false, limit: "64kb" }));
  for (const page of ["verified", "unverified"] as const) {
    const answer = (request: Request, response: Response) => {
      context.ledger.append(visitOf(page, request));
      response
        .type("text/xml")
        .send(`<?xml version="1.0" encoding="UTF-8"?>\n<Response><Say>${TEXTS[page]}</Say><Hangup/></Response>`);
    };
    router.route(`/ivr/${page}`).get(answer).post(answer);
  }
  return router;
}

/** Names only: a receipt is a credential, and the ledger is for showing around. */
function visitOf(page: Page, request: Request): LedgerEvent {
  const query = request.query as Record<string, unknown>;
  const form = (request.body ?? {}) as Record<string, unknown>;
  const callSid = [form["CallSid"], query["CallSid"]].find((value) => /^CA[0-9a-f]{32}$/i.test(String(value)));
  const sid = query["sid"];
  return {
    type: "ivr.visited",
    page,
    parameters: Object.keys(query)
      .slice(0, 50)
      .map((name) => name.slice(0, 64)),
    ...(typeof sid === "string" ? { sid: sid.slice(0, 128) } : {}),
    ...(typeof callSid === "string" ? { callSid } : {}),
  };
}
