import type { Namespace, Server } from "socket.io";
import { newCorrelationId } from "../../core/http/correlation-id.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import { admitSocketRequest } from "../admission/admit-socket-request.ts";
import { answerRequest, refuseHandshake } from "../device/answer-request.ts";
import { type ClientRequest, readRequest } from "../device/read-request.ts";
import type { GatewayContext } from "../gateway-context.ts";
import type { StatusDocument } from "../sessions/present-session.ts";
import { type Agent, authenticateAgent } from "./authenticate-agent.ts";
import { SessionWatches } from "./session-watches.ts";
import { createAgentTokenVerifier } from "./verify-agent-token.ts";

interface ConsoleRequests {
  watch: (payload: unknown, ack: unknown) => void;
}
interface ConsoleEvents {
  status: (document: StatusDocument) => void;
}
type ConsoleNamespace = Namespace<ConsoleRequests, ConsoleEvents, Record<string, never>, { agent: Agent }>;

/** The longest that a Node timer can wait, in milliseconds. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * The socket of agent consoles (PROTOCOL §4): `watch { sessionId }` is acknowledged with `{ ok: true }` and the fields
 * of the status document, and the document follows as `status` when the session ends.
 */
export function serveConsoles(io: Server, context: GatewayContext): void {
  const namespace = io.of("/console") as unknown as ConsoleNamespace;
  const verifyToken = createAgentTokenVerifier(context.tenants.all, context.clock.now);
  namespace.use((socket, next) => {
    context.gate
      .signIn(socket, () => authenticateAgent(context.tenants, verifyToken, socket.handshake.auth.token))
      .then(
        (agent) => {
          socket.data = { agent };
          next();
        },
        (error: unknown) => next(refuseHandshake(context.logger, "console.refused", error)),
      );
  });

  namespace.on("connection", (socket) => {
    const { tenant, keyId, expiresAtMs } = socket.data.agent;
    const watches = new SessionWatches(context, { tenant, send: (document) => socket.emit("status", document) });
    const end = endOf(expiresAtMs, { nowMs: context.clock.now(), leave: () => socket.disconnect(true) });
    socket.on("disconnect", () => {
      clearTimeout(end);
      watches.close();
      context.gate.left(socket);
    });
    socket.onAny((event: string, ...args: unknown[]) => {
      const asked = readRequest(args);
      if (!asked) return;
      const work = () => answer(watches, event, asked);
      const who = { tenant: tenant.id, keyId, correlationId: newCorrelationId() };
      const known = event === "watch" ? "console.watch" : "console.unknown";
      admitSocketRequest(context, asked, {
        name: "console.request",
        work: () => answerRequest(context.logger, { event: known, who, work, ack: asked.ack }),
      });
    });
  });
}

async function answer(watches: SessionWatches, event: string, asked: ClientRequest): Promise<object> {
  if (event !== "watch") throw new CallsealError("invalid_request", { detail: "there is no such event" });
  return { ok: true, ...(await watches.watch(asked.payload())) };
}

/** A sign-in that ends takes the socket with it; the console comes back with a fresh token. */
function endOf(expiresAtMs: number | undefined, end: { nowMs: number; leave: () => void }): NodeJS.Timeout | undefined {
  if (expiresAtMs === undefined) return undefined;
  return setTimeout(end.leave, Math.min(Math.max(expiresAtMs - end.nowMs, 0), longestTimerMs));
}
