import type { Server } from "node:http";

/** A client that goes on sending after its answer is cut off after this, once it could read the answer. */
const lingerMs = 2000;

/**
 * Cuts off whoever goes on sending a body that nobody reads: one that was refused, came with a GET, or stands behind a
 * wrong key. Call it last of all that listens to the server's requests.
 */
export function endUnreadBodies(server: Server): void {
  server.on("request", (request, response) => {
    response.once("finish", () => {
      if (request.complete) return;
      const cutOff = setTimeout(() => request.destroy(), lingerMs);
      cutOff.unref();
      request.once("close", () => clearTimeout(cutOff));
    });
  });
}
