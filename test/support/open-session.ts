import { randomUUID } from "node:crypto";
import type { Deployment, TestGateway } from "./gateway.ts";
import { type Answer, type SendOptions, send } from "./send.ts";

export const callerApi = "/scramble/caller/v1";

/** A fresh call id of the shape that most platforms use. */
export const newCallId = (): string => `call-${randomUUID()}`;

export interface SessionActions {
  sessionId: string;
  callId: string;
  did: string;
  created: Answer;
  get(query?: string, options?: SendOptions): Promise<Answer>;
  /** At another gateway than the session's own when one is given. */
  post(action: "cancel" | "loop" | "call-ended", json?: unknown, gateway?: TestGateway): Promise<Answer>;
}

/** POST /sessions with fresh call id, provider `generic` and the first tenant's key, unless told otherwise. */
export function postSession(
  deployment: Deployment,
  body: Record<string, unknown> = {},
  options: SendOptions & { gateway?: TestGateway } = {},
): Promise<Answer> {
  const json = { provider: "generic", callId: newCallId(), ...body };
  const { gateway = deployment.gateway, ...rest } = options;
  return send(gateway, `POST ${callerApi}/sessions`, { key: deployment.keys.sessions, json, ...rest });
}

/** Opens a session over the wire, with what a test does to it next. Throws unless it was created. */
export async function openSession(
  deployment: Deployment,
  body: Record<string, unknown> = {},
  gateway: TestGateway = deployment.gateway,
): Promise<SessionActions> {
  const created = await postSession(deployment, body, { gateway });
  if (created.status !== 201) throw new Error(`not created: ${created.status} ${created.text}`);
  const { sessionId, callId, did } = created.body;
  const path = `${callerApi}/sessions/${sessionId}`;
  const key = deployment.keys.sessions;
  return {
    sessionId,
    callId,
    did,
    created,
    get: (query = "", options = {}) => send(gateway, `GET ${path}${query}`, { key, ...options }),
    post: (action, json) => send(gateway, `POST ${path}/${action}`, { key, ...(json === undefined ? {} : { json }) }),
  };
}
