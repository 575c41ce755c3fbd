import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Agent, type Dispatcher, request } from "undici";

/** A gate in front of a provider's REST API: the updates of a call wait at it until the test opens it for that call. */
export interface ApiGate {
  url: string;
  /** Whether an update of the call waits now. */
  isWaiting(callSid: string): boolean;
  /** Updates of the call that whoever sent them gave up before the gate was opened: they never arrived. */
  abandoned(callSid: string): number;
  /** Lets the call's updates through, the one that waits and every later one. */
  open(callSid: string): void;
  close(): Promise<void>;
}

interface Gate {
  waiting: Set<() => void>;
  abandoned: number;
  isOpen: boolean;
}

export async function startApiGate(targetUrl: string): Promise<ApiGate> {
  const gates = new Map<string, Gate>();
  const dispatcher = new Agent();
  const gateOf = (callSid: string) => {
    const gate = gates.get(callSid) ?? { waiting: new Set(), abandoned: 0, isOpen: false };
    gates.set(callSid, gate);
    return gate;
  };
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const callSid = /\/Calls\/(\w+)\.json/.exec(incoming.url ?? "")?.[1];
    if (callSid !== undefined && incoming.method === "POST") await passGate(gateOf(callSid), response);
    if (response.destroyed) return;
    const to = { targetUrl, dispatcher, body: Buffer.concat(chunks) };
    // A broken connection behind the gate is one in front of it.
    await forward(to, incoming, response).catch(() => incoming.socket.resetAndDestroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    isWaiting: (callSid) => gateOf(callSid).waiting.size > 0,
    abandoned: (callSid) => gateOf(callSid).abandoned,
    open: (callSid) => {
      const gate = gateOf(callSid);
      gate.isOpen = true;
      for (const pass of gate.waiting) pass();
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      await dispatcher.destroy();
    },
  };
}

async function passGate(gate: Gate, response: ServerResponse): Promise<void> {
  if (gate.isOpen) return;
  const { promise, resolve: pass } = Promise.withResolvers<void>();
  const giveUp = () => {
    gate.abandoned += 1;
    pass();
  };
  gate.waiting.add(pass);
  response.once("close", giveUp);
  await promise;
  response.off("close", giveUp);
  gate.waiting.delete(pass);
}

async function forward(
  to: { targetUrl: string; dispatcher: Dispatcher; body: Buffer },
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { authorization = "", "content-type": contentType } = incoming.headers;
  const answer = await request(`${to.targetUrl}${incoming.url}`, {
    method: incoming.method as Dispatcher.HttpMethod,
    headers: { authorization, ...(contentType === undefined ? {} : { "content-type": contentType }) },
    dispatcher: to.dispatcher,
    ...(to.body.length > 0 ? { body: to.body } : {}),
  });
  const text = await answer.body.text();
  response.writeHead(answer.statusCode, { "content-type": String(answer.headers["content-type"]) }).end(text);
}
