import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

const seconds = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** The gateway's Prometheus metrics. Labels are closed sets: never an id, a number or a path. */
export function createGatewayMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    requests: new Counter({
      name: "callseal_http_requests_total",
      help: "HTTP requests answered",
      labelNames: ["route", "status"],
      registers,
    }),
    requestSeconds: new Histogram({
      name: "callseal_http_request_duration_seconds",
      help: "Time to answer, long polls apart",
      labelNames: ["route"],
      buckets: seconds,
      registers,
    }),
    sessionsOpened: new Counter({
      name: "callseal_sessions_opened_total",
      help: "Answers to a session request by outcome",
      labelNames: ["tenant", "provider", "outcome"],
      registers,
    }),
    pollsWaiting: new Gauge({ name: "callseal_polls_waiting", help: "Long polls that wait now", registers }),
    pollsAnswered: new Counter({
      name: "callseal_polls_answered_total",
      help: "Long polls answered by status",
      labelNames: ["status"],
      registers,
    }),
    channelsHeld: new Gauge({ name: "callseal_status_channels", help: "Status channels subscribed now", registers }),
    sockets: new Gauge({ name: "callseal_device_sockets", help: "Device sockets connected now", registers }),
    handshakes: new Counter({
      name: "callseal_device_handshakes_total",
      help: "Device handshakes by result",
      labelNames: ["result"],
      registers,
    }),
    deviceRequests: new Counter({
      name: "callseal_device_requests_total",
      help: "Requests of devices by event and result",
      labelNames: ["event", "result"],
      registers,
    }),
    deviceRequestSeconds: new Histogram({
      name: "callseal_device_request_duration_seconds",
      help: "Time from a device's request to its ack",
      labelNames: ["event"],
      buckets: seconds,
      registers,
    }),
    offers: new Counter({
      name: "callseal_push_offers_total",
      help: "Push offers by result",
      labelNames: ["result"],
      registers,
    }),
    hostedSteps: new Counter({
      name: "callseal_hosted_steps_total",
      help: "Steps of the Twilio-hosted flow by step and outcome",
      labelNames: ["step", "outcome"],
      registers,
    }),
  };
}

export type GatewayMetrics = ReturnType<typeof createGatewayMetrics>;
