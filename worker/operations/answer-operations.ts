import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { authorizeKey, readBearerKey } from "../../core/http/authorize-key.ts";
import { readCorrelationId } from "../../core/http/correlation-id.ts";
import { problemDocument, problemHeaders } from "../../core/http/problem-document.ts";
import { shareCall } from "../../core/http/share-call.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { WorkerContext } from "../worker-context.ts";
import type { Readiness } from "./check-readiness.ts";

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Health, readiness and metrics of a worker (PROTOCOL §9), as the gateway has them. */
export function answerOperations(context: WorkerContext, checkReadiness: () => Promise<Readiness>): RequestListener {
  // Anybody may ask, and each answer asks Redis.
  const readinessNow = shareCall(checkReadiness);
  return (request, response) => {
    const given = request.headers["x-correlation-id"];
    const correlationId = readCorrelationId(typeof given === "string" ? given : undefined);
    route(context, request, readinessNow).then(
      (answer) => send(request, response, { ...answer, correlationId }),
      (thrown: unknown) => {
        const error = thrown instanceof CallsealError ? thrown : new CallsealError("internal", { cause: thrown });
        if (error.code === "internal") context.logger.error({ err: thrown, correlationId }, "request.failed");
        const problem = problemDocument(error, correlationId);
        const headers = { ...problemHeaders(error), "Content-Type": "application/problem+json" };
        send(request, response, { status: problem.status, headers, body: JSON.stringify(problem), correlationId });
      },
    );
  };
}

async function route(
  context: WorkerContext,
  request: IncomingMessage,
  checkReadiness: () => Promise<Readiness>,
): Promise<Answer> {
  const path = (request.url ?? "/").split("?", 1)[0];
  const reads = request.method === "GET" || request.method === "HEAD";
  if (reads && path === "/healthz") return json(200, { status: "ok" });
  if (reads && path === "/readyz") {
    const { ready, checks } = await checkReadiness();
    return json(ready ? 200 : 503, { status: ready ? "ready" : "not_ready", checks });
  }
  if (reads && path === "/metrics") {
    authorizeKey(context.tenants, readBearerKey(request.headers.authorization), "metrics");
    return await showMetrics(context);
  }
  throw new CallsealError("not_found", { detail: "There is nothing at this address." });
}

async function showMetrics(context: WorkerContext): Promise<Answer> {
  const { registry, queueDepth } = context.metrics;
  queueDepth.reset();
  // Without Redis the depth is not known, and the rest is worth more than ever.
  const counts = await context.jobs.countJobs().catch((err: unknown) => {
    context.faults.report("queue.uncounted", err);
    return [];
  });
  for (const { queue, state, jobs } of counts) queueDepth.set({ queue, state }, jobs);
  return { status: 200, headers: { "Content-Type": registry.contentType }, body: await registry.metrics() };
}

function json(status: number, body: unknown): Answer {
  const headers = { "Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store" };
  return { status, headers, body: JSON.stringify(body) };
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer & { correlationId: string }): void {
  response.writeHead(answer.status, {
    "X-Content-Type-Options": "nosniff",
    "X-Correlation-Id": answer.correlationId,
    "Content-Length": Buffer.byteLength(answer.body),
    ...answer.headers,
  });
  response.end(request.method === "HEAD" ? undefined : answer.body);
}
