import { z } from "zod";
import { problem } from "./answer-schemas.ts";
import { type Operation, operations } from "./operations.ts";

const title = "Callseal gateway";

/** The OpenAPI 3.1 description of the HTTP interface, made from the schemas that parse it. */
export function buildOpenApi(options: { serverUrl: string }): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describeOperation(operation) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title,
      version: "1.0.0",
      summary: "Out-of-band verification of phone callers, on the live call.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: options.serverUrl }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "API key of a tenant" },
        apiKey: { type: "apiKey", in: "header", name: "X-Api-Key", description: "the same key, on the flat façade" },
      },
      schemas: { Problem: jsonSchema(problem, "output") },
      headers: {
        CorrelationId: {
          description: "as sent, when it is 8 to 64 of A-Z a-z 0-9 _ -, else made",
          schema: { type: "string" },
        },
        RetryAfter: { description: "seconds after which the same request may succeed", schema: { type: "integer" } },
      },
    },
  };
}

function describeOperation(operation: Operation): object {
  return {
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    security: securityOf(operation),
    parameters: parametersOf(operation),
    ...(operation.body === undefined ? {} : { requestBody: describeBody(operation.body) }),
    responses: { ...answersOf(operation), ...problemsOf(operation) },
  };
}

function securityOf(operation: Operation): object[] {
  if (operation.scope === undefined) return [];
  return operation.tag === "Flat façade" ? [{ bearer: [] }, { apiKey: [] }] : [{ bearer: [] }];
}

function parametersOf(operation: Operation): object[] {
  const inPath = [...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => ({
    name: match[1],
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(operation.query ?? {}).map(([name, { schema, description, required = false }]) => ({
    name,
    in: "query",
    required,
    description,
    schema: jsonSchema(schema, "input"),
  }));
  const inHeader = Object.entries(operation.headers ?? {}).map(([name, { schema, description }]) => ({
    name,
    in: "header",
    description,
    schema: jsonSchema(schema, "input"),
  }));
  return [...inPath, ...inQuery, ...inHeader];
}

function describeBody(body: NonNullable<Operation["body"]>): object {
  const schema = jsonSchema(body.schema, "input");
  const content = Object.fromEntries((body.mediaTypes ?? ["application/json"]).map((type) => [type, { schema }]));
  return { required: body.required ?? true, content };
}

function answersOf(operation: Operation): Record<string, object> {
  const correlated = { "X-Correlation-Id": { $ref: "#/components/headers/CorrelationId" } };
  return Object.fromEntries(
    Object.entries(operation.answers).map(([status, { description, schema, mediaType = "application/json" }]) => [
      status,
      {
        description,
        headers: correlated,
        ...(schema || mediaType !== "application/json"
          ? { content: { [mediaType]: { schema: schema ? jsonSchema(schema, "output") : { type: "string" } } } }
          : {}),
      },
    ]),
  );
}

const reasons: Readonly<Record<number, string>> = {
  400: "invalid_request: errors points at each fault",
  401: "unauthenticated, or invalid_activation_code",
  403: "forbidden: the key lacks the scope",
  404: "not_found: there is none, or it is another tenant's",
  409: "session_terminal or reissue_exhausted",
  413: "payload_too_large: above 16 KiB",
  415: "unsupported_media_type",
  429: "rate_limited",
  503: "unavailable: try again",
};

function problemsOf(operation: Operation): Record<string, object> {
  return Object.fromEntries(
    operation.problems
      .filter((status) => !(status in operation.answers))
      .map((status) => [
        status,
        {
          description: reasons[status],
          headers:
            status === 429 || status === 503 ? { "Retry-After": { $ref: "#/components/headers/RetryAfter" } } : {},
          content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
        },
      ]),
  );
}

/** Without the dialect: OpenAPI 3.1 says it once for the whole document. */
function jsonSchema(schema: z.ZodType, io: "input" | "output"): object {
  const {
    $schema: _dialect,
    "~standard": _standard,
    ...described
  } = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Record<string, unknown>;
  return described;
}
