import { randomBytes, randomInt } from "node:crypto";
import type { DeploymentAccess } from "../stack/deployment-environment.ts";
import type { HttpClient } from "./http-client.ts";

export const sessionsPath = "/scramble/caller/v1/sessions";
/** Longer than anything here takes, and within every cap of the tenant. */
export const waitSeconds = 85;

export interface StartedCall {
  callId: string;
  sessionId: string;
  did: string;
}

export interface CallPlace {
  access: DeploymentAccess;
  gatewayUrl: string;
  provider: "generic" | "twilio";
}

/** The body of a creation for the bare parts: a call of a number that nobody enrolled. */
export function newBareCall() {
  const callId = `CA${randomBytes(16).toString("hex")}`;
  const ani = `+1415${randomInt(1_000_000, 10_000_000)}`;
  return { provider: "generic", callId, ani, dnis: "+18005551234" };
}

/** A new call of a number that nobody enrolled reaches its verification node. */
export async function startCall(http: HttpClient, { access, gatewayUrl, provider }: CallPlace): Promise<StartedCall> {
  const json = { ...newBareCall(), provider };
  const { body } = await http.send({
    method: "POST",
    url: gatewayUrl + sessionsPath,
    authorization: `Bearer ${access.apiKey}`,
    json,
  });
  return { callId: json.callId, sessionId: String(body["sessionId"]), did: String(body["did"]) };
}

/** Polls until the session's end; rejects when that is not a confirmation. Resolves with the moment of the answer. */
export async function pollConfirmed(
  http: HttpClient,
  poll: { access: DeploymentAccess; gatewayUrl: string; sessionId: string },
): Promise<number> {
  const url = `${poll.gatewayUrl}${sessionsPath}/${poll.sessionId}?wait=${waitSeconds}`;
  const { at, body } = await http.send({ method: "GET", url, authorization: `Bearer ${poll.access.apiKey}` });
  if (body["status"] !== "confirmed") throw new Error(`a poll ended with ${String(body["status"])}`);
  return at;
}
