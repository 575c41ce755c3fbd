import { CallsealSdkError } from "../errors.ts";

/**
 * The origin of a gateway. `http:` is taken on loopback only: codes and proofs do not travel in the clear.
 *
 * Errors: `invalid_argument`.
 */
export function readGatewayUrl(gatewayUrl: string | URL, allowInsecure = false): string {
  let url: URL;
  try {
    url = new URL(gatewayUrl);
  } catch (cause) {
    throw new CallsealSdkError("invalid_argument", { detail: "gatewayUrl is not a URL", cause });
  }
  const isLoopback = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol === "https:" || (url.protocol === "http:" && (isLoopback || allowInsecure))) return url.origin;
  throw new CallsealSdkError("invalid_argument", { detail: "gatewayUrl must be https:" });
}
