import { nowSeconds } from "../../support/enrol-device.ts";
import type { Entrance, FuzzInput } from "../entrance.ts";
import { FuzzFinding } from "../entrance.ts";
import { hostileText, hostileValue, writeJson } from "../hostile-values.ts";
import { token } from "../live-state.ts";
import { mutateText, mutateValue } from "../mutate-json.ts";
import { mutateClaims, mutateJws } from "../mutate-jws.ts";
import { checkAck, SocketClient } from "../socket-client.ts";
import { acme, fuzzPublicUrl, keyOf } from "../tenants.ts";
import { isJson } from "./device-requests.ts";

/** Handshakes of devices and consoles with tokens that are nearly right, and of namespaces that are not theirs. */
export const handshakes: Entrance = {
  name: "socket handshakes",
  weight: 2,
  async run(input) {
    const { random, live } = input;
    const namespace = random.chance(0.9)
      ? random.pick(["/device", "/device", "/console"])
      : random.pick(["/", "/other", "/Device", "/__proto__", "/device?token=x", `/${"x".repeat(2000)}`]);
    const auth = await makeAuth(input, namespace);
    const client = await SocketClient.open(live.port, namespace, auth);
    if ("refused" in client) return readRefusal(client.refused, auth);
    const closed = await client.raw.end();
    if (!closed) throw new FuzzFinding("a socket stayed open after its client left", auth);
    return "accepted";
  },
};

async function makeAuth(input: FuzzInput, namespace: string): Promise<string> {
  const { random } = input;
  const right = namespace === "/console" ? consoleToken(input) : await deviceToken(input);
  if (random.chance(0.75)) return JSON.stringify({ token: right });
  const text = writeJson(mutateValue(random, { token: right })).slice(0, 15_000);
  return isJson(text) ? text : writeJson({ token: random.below(9) });
}

async function deviceToken({ random, live, index }: FuzzInput): Promise<string> {
  const device = await live.device(index);
  if (random.chance(0.15)) return token(device);
  const iat = nowSeconds();
  const claims = { iss: device.deviceId, aud: fuzzPublicUrl, iat, exp: iat + 60, jti: random.hex(20) };
  const header = { alg: "ES256", typ: "callseal-device+jwt", kid: device.deviceId };
  return mutateJws(random, {
    key: device.privateKey,
    header,
    claims: random.chance(0.7) ? mutateClaims(random, claims) : claims,
  });
}

function consoleToken({ random }: FuzzInput): string {
  const right = keyOf(acme.id, random.pick(["agent", "agent", "sessions", "admin"]));
  return random.chance(0.4) ? right : random.chance(0.5) ? mutateText(random, right) : hostileText(random);
}

function readRefusal(refused: string, auth: string): string {
  if (refused === "closed") return "closed";
  const error = JSON.parse(refused.slice(refused.indexOf("{"))) as { message?: string; data?: Record<string, unknown> };
  // What Socket.IO refuses itself has no data: a namespace that does not exist.
  if (error.data === undefined && error.message === "Invalid namespace") return "no such namespace";
  return checkAck({ ok: false, ...error.data }, auth);
}

/** Watches of consoles: sessions that live, have ended, are another tenant's or none. */
export const consoleRequests: Entrance = {
  name: "/console requests",
  weight: 2,
  async run({ random, live, index }) {
    const socket = await live.console(index);
    if (!socket) return "no socket";
    const { sessionId } = await live.session(index, random.below(2) * random.below(3000));
    const right = { sessionId };
    const text = random.chance(0.5)
      ? JSON.stringify(right)
      : writeJson(random.chance(0.7) ? mutateValue(random, right) : hostileValue(random));
    const payload = isJson(text) && text.length < 15_000 ? text : "{}";
    const event = random.chance(0.9) ? "watch" : random.pick(["Watch", "status", "__proto__", "toString", "claim"]);
    return checkAck(await socket.ask(event, payload), `${event} ${payload}`);
  },
};
