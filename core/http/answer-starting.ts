import type { RequestListener } from "node:http";
import { CallsealError } from "../verification/errors.ts";
import { newCorrelationId } from "./correlation-id.ts";
import { problemDocument, problemHeaders } from "./problem-document.ts";

/** What a process answers between opening its port and being able to do its work: `unavailable`, try again in a second. */
export const answerStarting: RequestListener = (_request, response) => {
  const error = new CallsealError("unavailable", {
    detail: "The process is starting. Try again.",
    retryAfterSeconds: 1,
  });
  const correlationId = newCorrelationId();
  const problem = problemDocument(error, correlationId);
  const headers = { ...problemHeaders(error), "X-Correlation-Id": correlationId };
  response.writeHead(problem.status, { ...headers, "Content-Type": "application/problem+json" });
  response.end(JSON.stringify(problem));
};
