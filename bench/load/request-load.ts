import { randomInt } from "node:crypto";
import type { DeploymentAccess } from "../stack/deployment-environment.ts";
import { HttpClient } from "./http-client.ts";
import { closedLoop } from "./open-loop.ts";
import { newBareCall, sessionsPath, startCall } from "./start-call.ts";
import type { LoadRun } from "./verification-load.ts";

export interface RequestTarget {
  url: string;
  /** With it Callseal, without it the bare express server. */
  access?: DeploymentAccess;
}

export interface RequestRun extends RequestTarget, LoadRun {
  /** Reads of these; absent: creations. */
  sessionIds?: string[];
}

/** Creates sessions to read and returns their ids. */
export async function createSessions(target: RequestTarget & { count: number }): Promise<string[]> {
  const http = new HttpClient();
  const ids: string[] = [];
  try {
    while (ids.length < target.count) {
      ids.push(...(await Promise.all(Array.from({ length: 20 }, () => createOne(http, target)))));
    }
    return ids;
  } finally {
    await http.close();
  }
}

/** Session creations, or status reads of sessions that exist, in a closed loop. */
export async function runRequestLoad(run: RequestRun): Promise<{ done: number; seconds: number }> {
  const http = new HttpClient();
  const { url, access, sessionIds } = run;
  const base = access === undefined ? `${url}/sessions` : url + sessionsPath;
  const authorization = access === undefined ? {} : { authorization: `Bearer ${access.apiKey}` };
  try {
    return await closedLoop(run, async () => {
      if (sessionIds === undefined) await createOne(http, run);
      else
        await http.send({
          method: "GET",
          url: `${base}/${sessionIds[randomInt(sessionIds.length)]}`,
          ...authorization,
        });
    });
  } finally {
    await http.close();
  }
}

async function createOne(http: HttpClient, { url, access }: RequestTarget): Promise<string> {
  if (access !== undefined) return (await startCall(http, { access, gatewayUrl: url, provider: "generic" })).sessionId;
  const { body } = await http.send({ method: "POST", url: `${url}/sessions`, json: newBareCall() });
  return String(body["sessionId"]);
}
