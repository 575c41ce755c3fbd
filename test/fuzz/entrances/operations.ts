import { checkExchange } from "../check-answer.ts";
import type { Entrance } from "../entrance.ts";
import { mutateHeaders, mutateTarget } from "../mutate-request.ts";
import { mutateTemplate, sendMutated, type Template } from "./send-mutated.ts";

const templates: readonly Template[] = [
  { method: "GET", target: "/healthz" },
  { method: "GET", target: "/readyz" },
  { method: "GET", target: "/.well-known/jwks.json" },
  { method: "GET", target: "/openapi.json" },
  { method: "GET", target: "/metrics", scope: "metrics", success: "text" },
  { method: "GET", target: "/" },
];

/** Health, readiness, keys, description, figures, and paths that nobody serves. */
export const operations: Entrance = {
  name: "operations",
  weight: 3,
  async run(input) {
    const template = input.random.pick(templates);
    return await sendMutated(input, mutateTemplate(input.random, template), template.success);
  },
};

/** Socket.IO's own path without a WebSocket: it answers in its own words, below 500. */
export const engineRequests: Entrance = {
  name: "/socket.io over HTTP",
  weight: 1,
  async run({ random, live }) {
    const query = random.pick([
      "",
      "?EIO=4&transport=polling",
      "?EIO=3&transport=websocket",
      "?EIO=4&transport=websocket&sid=x",
      "?EIO=4&transport=__proto__",
      "?EIO=4&transport=polling&j=0",
    ]);
    const path = `/socket.io/${query}`;
    const method = random.pick(["GET", "POST", "OPTIONS", "PUT"]);
    const target = random.chance(0.3) ? mutateTarget(random, path) : path;
    const headers = mutateHeaders(random, [
      ["Host", "x"],
      ["Origin", "https://evil.test"],
    ]);
    const exchange = await live.connections.exchange({
      method,
      target,
      headers,
      ...(method === "POST" ? { body: Buffer.from(random.hex(20)) } : {}),
    });
    return checkExchange(exchange, { method, foreign: true });
  },
};
