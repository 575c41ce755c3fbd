import { CallsealSdkError } from "../errors.ts";

/** The part of a Node, Express or Fastify-raw request that is read. */
export interface InterceptRequest extends AsyncIterable<Uint8Array | string> {
  method?: string | undefined;
  headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Set by `express.raw()` or `express.text()`, or by some platforms as `rawBody`. */
  body?: unknown;
  rawBody?: unknown;
  /** Node's own: the stream has been read to its end by someone. */
  readableEnded?: boolean;
}

/**
 * The bytes of a request as they came, from `rawBody`, from a raw body parser, or from the stream itself.
 *
 * Errors: `payload_too_large`; `invalid_argument` when a JSON parser has consumed the bytes.
 */
export async function readRawBody(request: InterceptRequest, limitBytes: number): Promise<Uint8Array> {
  const kept = [request.rawBody, request.body].find(
    (value) => value instanceof Uint8Array || typeof value === "string",
  );
  if (kept !== undefined) return limit(toBytes(kept as Uint8Array | string), limitBytes);
  if (request.readableEnded) {
    throw new CallsealSdkError("invalid_argument", {
      detail: "mount interceptWebhook before express.json(): it needs the raw body",
    });
  }
  if (Number(request.headers["content-length"]) > limitBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Stepped by hand: leaving a `for await` early destroys the socket, and with it the answer.
  const iterator = request[Symbol.asyncIterator]();
  for (let step = await iterator.next(); !step.done; step = await iterator.next()) {
    const bytes = toBytes(step.value);
    length += bytes.length;
    if (length > limitBytes) throw tooLarge();
    chunks.push(bytes);
  }
  const body = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
}

function toBytes(value: Uint8Array | string): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : value;
}

function limit(bytes: Uint8Array, limitBytes: number): Uint8Array {
  if (bytes.length > limitBytes) throw tooLarge();
  return bytes;
}

function tooLarge(): CallsealSdkError {
  return new CallsealSdkError("payload_too_large", { detail: "the webhook exceeds the body limit" });
}
