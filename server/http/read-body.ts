import type { Request } from "express";
import { CallsealError } from "../../core/verification/errors.ts";

const largestBodyBytes = 16_384;

/**
 * Reads a request's body of at most `mostBytes`, 16 KiB unless told otherwise. A larger one is refused as soon as that is
 * known, not when the client has sent the rest: the answer is on its way while what still comes is thrown away. Throws
 * `payload_too_large`.
 */
export function readBody(request: Request, mostBytes = largestBodyBytes): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const refuse = (error: CallsealError) => {
      request.removeAllListeners("data");
      request.resume();
      reject(error);
    };
    const take = (chunk: Buffer) => {
      size += chunk.length;
      if (size > mostBytes) refuse(tooLarge(mostBytes));
      else chunks.push(chunk);
    };
    if (Number(request.get("Content-Length") ?? 0) > mostBytes) {
      refuse(tooLarge(mostBytes));
      return;
    }
    request.on("data", take);
    request.once("end", () => resolve(Buffer.concat(chunks)));
    request.once("error", () => reject(new CallsealError("invalid_request", { detail: "The body ended too early." })));
  });
}

function tooLarge(mostBytes: number): CallsealError {
  return new CallsealError("payload_too_large", { detail: `A body has at most ${mostBytes / 1024} KiB.` });
}
