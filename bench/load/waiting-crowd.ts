import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { type Core, openCore } from "../../test/support/open-core.ts";
import { newSession } from "../../test/support/verified-call.ts";
import { Latencies, type LatencySummary } from "../measure/latencies.ts";
import type { DeploymentAccess } from "../stack/deployment-environment.ts";
import { HttpClient } from "./http-client.ts";
import { sessionsPath, waitSeconds } from "./start-call.ts";

export interface WaitingOptions {
  access: DeploymentAccess;
  gatewayUrl: string;
  count: number;
  /** Source address of this crowd. */
  localAddress?: string;
}

/**
 * Two polls share a connection, the second pipelined behind the first (RFC 9112 §9.3.2): a process may hold 20,000
 * descriptors, and the gateway must hold as many polls and its own connections.
 */
const pollsPerConnection = 2;
const openedAtOnce = 40;
/** The gateway has subscribed and read once. */
const settleMs = 25;

/** Sessions of its own, each with one poll that waits for it, over bare connections. */
export class WaitingCrowd {
  readonly #connections: Socket[] = [];
  #answered = 0;

  /** Resolves when every poll has been sent; returns how many have been answered, which must be none. */
  async grow(options: WaitingOptions): Promise<{ answered: number }> {
    const core = openCore(options.access.redisUrl, { prefix: options.access.prefix, secret: options.access.secret });
    let left = options.count;
    const lane = async () => {
      while (left > 0) {
        const polls = Math.min(pollsPerConnection, left);
        left -= polls;
        await this.#wait(options, await createSessions(core, options.access, polls));
      }
    };
    try {
      await Promise.all(Array.from({ length: openedAtOnce }, lane));
    } finally {
      await core.close();
    }
    return { answered: this.#answered };
  }

  close(): void {
    for (const connection of this.#connections.splice(0)) connection.destroy();
  }

  async #wait({ gatewayUrl, access, localAddress }: WaitingOptions, sessionIds: string[]): Promise<void> {
    const { hostname, port } = new URL(gatewayUrl);
    const source = localAddress === undefined ? {} : { localAddress };
    const socket = connect({ host: hostname, port: Number(port), ...source });
    socket.on("error", () => socket.destroy());
    socket.on("data", () => {
      this.#answered += 1;
    });
    await once(socket, "connect");
    this.#connections.push(socket);
    const heads = sessionIds.map((sessionId) =>
      [
        `GET ${sessionsPath}/${sessionId}?wait=${waitSeconds} HTTP/1.1`,
        `Host: ${hostname}:${port}`,
        `Authorization: Bearer ${access.apiKey}`,
        "\r\n",
      ].join("\r\n"),
    );
    socket.write(heads.join(""));
  }
}

async function createSessions(core: Core, access: DeploymentAccess, count: number): Promise<string[]> {
  const created = await Promise.all(
    Array.from({ length: count }, () =>
      core.sessions.create(newSession({ tenant: access.tenantId, mode: "none", ttlSeconds: 300 })),
    ),
  );
  return created.map(({ session }) => session.sessionId);
}

export interface WakeOptions {
  access: DeploymentAccess;
  gatewayUrl: string;
  samples: number;
  warmUp: number;
}

/**
 * One poll at a time: waits for its session, which is then ended by the script alone, and the time counts from there
 * to the poll's answer. What others wait for is theirs.
 */
export async function measureWakeUps(options: WakeOptions): Promise<LatencySummary> {
  const { access } = options;
  const core = openCore(access.redisUrl, { prefix: access.prefix, secret: access.secret });
  const http = new HttpClient();
  const latencies = new Latencies();
  try {
    for (let index = 0; index < options.warmUp + options.samples; index += 1) {
      const [sessionId] = (await createSessions(core, access, 1)) as [string];
      const answer = http.send({
        method: "GET",
        url: `${options.gatewayUrl}${sessionsPath}/${sessionId}?wait=${waitSeconds}`,
        authorization: `Bearer ${access.apiKey}`,
      });
      await delay(settleMs);
      const endedAt = performance.now();
      const [{ at, body }] = await Promise.all([
        answer,
        core.sessions.cancel(sessionId, access.tenantId, randomUUID()),
      ]);
      if (body["status"] !== "canceled") throw new Error(`a poll ended with ${String(body["status"])}`);
      if (index >= options.warmUp) latencies.record(at - endedAt);
    }
    return latencies.summary();
  } finally {
    await http.close();
    await core.close();
  }
}
