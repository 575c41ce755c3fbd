import { Counter, Gauge, type Registry } from "prom-client";
import type { Config } from "../../core/config/config.ts";
import { Capacity } from "./capacity.ts";

/** What one gateway takes on at the same time. Every count that somebody outside can drive up has its cap here. */
export interface Admission {
  /** Sockets of devices and consoles, handshakes under way included. */
  sockets: Capacity;
  /** WebSocket connections that nobody has signed in over yet. */
  handshakes: Capacity;
  /** Long polls that wait. */
  polls: Capacity;
  /** HTTP requests that are being answered; a poll that waits is none of them. */
  requests: Capacity;
  /** Requests of sockets that are being answered. */
  socketRequests: Capacity;
  /** TCP connections of the HTTP server. */
  mostConnections: number;
  noteDropped: () => void;
  /** Counts a connection that was cut off because of what it did. */
  noteClosed: (reason: "flood" | "slow_reader") => void;
}

type CapName = "sockets" | "handshakes" | "polls" | "requests" | "socket_requests";

const retryAfterSeconds: Readonly<Record<CapName, number>> = {
  // An app that is refused reconnects, and perhaps to another gateway: no hurry. A request has a caller on the line.
  sockets: 5,
  handshakes: 5,
  polls: 2,
  requests: 1,
  socket_requests: 1,
};

/** For probes, metrics, and connections that are kept alive without a request on them. */
const connectionsToSpare = 1000;

/** TCP connections that a gateway holds at most: what its other caps need, unless the environment says otherwise. */
export function mostConnections(config: Config): number {
  return (
    config.CALLSEAL_MAX_CONNECTIONS ??
    config.CALLSEAL_MAX_SOCKETS +
      config.CALLSEAL_MAX_HANDSHAKES +
      config.CALLSEAL_MAX_POLLS +
      config.CALLSEAL_MAX_REQUESTS +
      connectionsToSpare
  );
}

/** The caps of a gateway with their metrics: how much is taken on, how much may be, and what was refused. */
export function createAdmission(config: Config, registry: Registry): Admission {
  const registers = [registry];
  const refused = new Counter({
    name: "callseal_capacity_refused_total",
    help: "What was refused because a cap of this process was reached",
    labelNames: ["cap"],
    registers,
  });
  const closed = new Counter({
    name: "callseal_sockets_cut_total",
    help: "Connections cut off for what they did",
    labelNames: ["reason"],
    registers,
  });
  const capacity = (cap: CapName, limit: number, detail: string): Capacity => {
    refused.inc({ cap }, 0);
    return new Capacity({
      limit,
      detail,
      retryAfterSeconds: retryAfterSeconds[cap],
      onRefusal: () => refused.inc({ cap }),
    });
  };
  const busy = "This gateway has as many requests under way as it takes. Send the request again after Retry-After.";
  const capacities: Record<CapName, Capacity> = {
    sockets: capacity("sockets", config.CALLSEAL_MAX_SOCKETS, "This gateway is full. Connect again later."),
    handshakes: capacity(
      "handshakes",
      config.CALLSEAL_MAX_HANDSHAKES,
      "This gateway has as many connections without a sign-in as it takes. Connect again after Retry-After.",
    ),
    polls: capacity("polls", config.CALLSEAL_MAX_POLLS, "This gateway has as many long polls as it takes."),
    requests: capacity("requests", config.CALLSEAL_MAX_REQUESTS, busy),
    socket_requests: capacity("socket_requests", config.CALLSEAL_MAX_REQUESTS, busy),
  };
  showCapacities(registry, capacities);
  return {
    sockets: capacities.sockets,
    handshakes: capacities.handshakes,
    polls: capacities.polls,
    requests: capacities.requests,
    socketRequests: capacities.socket_requests,
    mostConnections: mostConnections(config),
    noteDropped: () => refused.inc({ cap: "connections" }),
    noteClosed: (reason) => closed.inc({ reason }),
  };
}

function showCapacities(registry: Registry, capacities: Readonly<Record<CapName, Capacity>>): void {
  const show = (name: string, help: string, read: (capacity: Capacity) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ["cap"],
      registers: [registry],
      collect() {
        for (const [cap, capacity] of Object.entries(capacities)) this.set({ cap }, read(capacity));
      },
    });
  show("callseal_capacity_used", "How much of a cap is taken now", ({ used }) => used);
  show("callseal_capacity_limit", "How much a cap allows", ({ limit }) => limit);
}
