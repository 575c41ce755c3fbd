import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { JSONWebKeySet } from "jose";
import { createReceiptVerifier } from "../../../client-sdk/src/ivr/index.ts";

export interface Arrival {
  page: "verified" | "unverified";
  callId: string;
  at: number;
  /** The receipt's id, when the page was given a receipt of this gateway for this call. */
  receiptId: string | undefined;
}

/** The tenant's IVR: holds a caller on the line, and hears on which of its pages the caller arrives. */
export interface Ivr {
  holdUrl: string;
  verifiedUrl: string;
  unverifiedUrl: string;
  close(): Promise<void>;
}

/** Ten minutes by the voice cloud's clock: the caller waits, whichever page it was. */
const waiting = '<?xml version="1.0" encoding="UTF-8"?><Response><Pause length="600"/></Response>';

/** Starts it; `arrived` hears of every caller who is led to one of its pages, and with which receipt. */
export async function startIvr(options: {
  tenant: string;
  jwks: JSONWebKeySet;
  arrived: (arrival: Arrival) => void;
}): Promise<Ivr> {
  const verify = createReceiptVerifier({ jwks: options.jwks });
  const receiptId = (receipt: string | null, callId: string): Promise<string | undefined> =>
    verify(receipt ?? "", { tenant: options.tenant, expected: { provider: "twilio", callId } }).then(
      ({ jti }) => jti,
      () => undefined,
    );
  const server = createServer(async (request, response) => {
    const at = performance.now();
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://ivr");
    const callId = new URLSearchParams(await text(request)).get("CallSid") ?? "";
    response.writeHead(200, { "content-type": "text/xml" }).end(waiting);
    if (pathname === "/verified") {
      options.arrived({
        page: "verified",
        callId,
        at,
        receiptId: await receiptId(searchParams.get("receipt"), callId),
      });
    } else if (pathname === "/unverified") {
      options.arrived({ page: "unverified", callId, at, receiptId: undefined });
    }
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    holdUrl: `${url}/hold`,
    verifiedUrl: `${url}/verified`,
    unverifiedUrl: `${url}/unverified`,
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
