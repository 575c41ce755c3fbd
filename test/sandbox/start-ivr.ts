import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { validateRequest } from "twilio/lib/webhooks/webhooks.js";

export interface Visit {
  method: string;
  path: string;
  query: Record<string, string>;
  form: Record<string, string>;
  headers: Record<string, string>;
  /** What twilio's own validator says of the signature, over the URL as it was requested. */
  signatureValid: boolean;
  monotonicMs: number;
}

export type Page =
  | string
  | ((
      visit: Visit,
      request: IncomingMessage,
      response: ServerResponse,
    ) => string | undefined | Promise<string | undefined>);

export interface Ivr {
  url: string;
  visits: Visit[];
  /** Sets what a path answers: TwiML, or a function that may answer by itself and return undefined. */
  page(path: string, page: Page): void;
  /** Resolves with the nth visit (from 1) of a path. */
  visited(path: string, nth?: number): Promise<Visit>;
  close(): Promise<void>;
}

export const TOKEN = "0123456789abcdef0123456789abcdef";

/** A customer's IVR: a real HTTP server that answers TwiML and checks every signature with twilio's own code. */
export async function startIvr(pages: Record<string, Page> = {}, authToken = TOKEN): Promise<Ivr> {
  const known = new Map(Object.entries(pages));
  const visits: Visit[] = [];
  const waiters: { path: string; nth: number; resolve: (visit: Visit) => void }[] = [];
  const server = createServer(async (request, response) => {
    const visit = await readVisit(request, authToken);
    visits.push(visit);
    for (const waiter of waiters) {
      const found = visits.filter(({ path }) => path === waiter.path)[waiter.nth - 1];
      if (found) waiter.resolve(found);
    }
    const page = known.get(visit.path);
    const body = typeof page === "function" ? await page(visit, request, response) : page;
    if (response.headersSent || response.destroyed || response.writableEnded) return;
    if (body === undefined) {
      if (page === undefined) response.writeHead(404).end("no such page");
      return;
    }
    response.writeHead(200, { "content-type": "text/xml" }).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    visits,
    page: (path, page) => known.set(path, page),
    visited: (path, nth = 1) => {
      const found = visits.filter((visit) => visit.path === path)[nth - 1];
      if (found) return Promise.resolve(found);
      return new Promise((resolve) => waiters.push({ path, nth, resolve }));
    },
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function readVisit(request: IncomingMessage, authToken: string): Promise<Visit> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString("utf8");
  const target = new URL(request.url ?? "/", `http://${request.headers.host}`);
  const form = Object.fromEntries(new URLSearchParams(body));
  const signature = String(request.headers["x-twilio-signature"] ?? "");
  const url = `http://${request.headers.host}${request.url}`;
  return {
    method: request.method ?? "",
    path: target.pathname,
    query: Object.fromEntries(target.searchParams),
    form,
    headers: request.headers as Record<string, string>,
    signatureValid: validateRequest(authToken, signature, url, form),
    monotonicMs: performance.now(),
  };
}

/** TwiML with the given verbs. */
export function twiml(verbs: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Response>${verbs}</Response>`;
}
