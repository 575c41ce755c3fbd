import type { Request } from "express";
import { CallsealError } from "../../core/verification/errors.ts";

export const largestBodyBytes = 16_384;
/** A client that goes on sending what is refused already is cut off after this, once it could read the answer. */
const lingerMs = 2000;

/**
 * Reads a request's body of at most 16 KiB. A larger one is refused as soon as that is known, not when the client has
 * sent the rest: the answer is on its way while what still comes is thrown away. Throws `payload_too_large`.
 */
export function readBody(request: Request): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const refuse = (error: CallsealError) => {
      request.removeAllListeners("data");
      discardRest(request);
      reject(error);
    };
    const take = (chunk: Buffer) => {
      size += chunk.length;
      if (size > largestBodyBytes) refuse(tooLarge());
      else chunks.push(chunk);
    };
    if (Number(request.get("Content-Length") ?? 0) > largestBodyBytes) {
      refuse(tooLarge());
      return;
    }
    request.on("data", take);
    request.once("end", () => resolve(Buffer.concat(chunks)));
    request.once("error", () => reject(new CallsealError("invalid_request", { detail: "The body ended too early." })));
  });
}

function tooLarge(): CallsealError {
  return new CallsealError("payload_too_large", { detail: "A body has at most 16 KiB." });
}

function discardRest(request: Request): void {
  request.resume();
  const cutOff = setTimeout(() => request.destroy(), lingerMs);
  cutOff.unref();
  request.once("close", () => clearTimeout(cutOff));
}
