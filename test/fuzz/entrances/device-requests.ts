import { randomUUID } from "node:crypto";
import { nowSeconds } from "../../support/enrol-device.ts";
import type { Entrance, FuzzInput } from "../entrance.ts";
import { hostileText, hostileValue, writeJson } from "../hostile-values.ts";
import type { Challenge, LiveDevice, LiveSession } from "../live-state.ts";
import { mutateValue } from "../mutate-json.ts";
import { mutateClaims, mutateJws } from "../mutate-jws.ts";
import type { FuzzRandom } from "../random.ts";
import { type Ack, checkAck, type SocketClient } from "../socket-client.ts";
import { fuzzPublicUrl } from "../tenants.ts";

/** Claims, confirmations and denials over a device's own socket, rightly signed over wrong claims, and right ones. */
export const deviceRequests: Entrance = {
  name: "/device requests",
  weight: 6,
  async run(input) {
    const { random, live, index } = input;
    const socket = await live.socket(index);
    if (!socket) return "no socket";
    const session = random.chance(0.75) ? await live.session(index) : await live.openOwn(String(index));
    const event = random.pick(["claim", "claim", "confirm", "confirm", "confirm", "deny", "other"]);
    if (event === "claim") return await send(socket, "claim", claimPayload(random, session));
    const unknown = event === "other";
    if (unknown) {
      const text = writeJson(hostileValue(random));
      return await send(socket, hostileText(random), isJson(text) && text.length < 15_000 ? text : "");
    }
    const device = await live.device(index);
    const challenge = await claimed(socket, random, session);
    const proof = makeProof(input, device, { challenge, session, decision: event });
    const label = await send(socket, event, proofPayload(random, proof));
    // Proved again: the first result, or what the state says by now.
    return random.chance(0.1) ? `${label}, ${await send(socket, event, JSON.stringify({ proof }))}` : label;
  },
};

async function send(socket: SocketClient, event: string, payload: string): Promise<string> {
  const reserved = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];
  const name = reserved.includes(event) ? "x" : event;
  return checkAck(await socket.ask(name, payload), `${name} ${payload}`);
}

function claimPayload(random: FuzzRandom, session: LiveSession): string {
  const right = { did: session.did };
  if (random.chance(0.4)) return JSON.stringify(right);
  const text = writeJson(mutateValue(random, right)).slice(0, 15_000);
  return isJson(text) ? text : JSON.stringify({ did: hostileText(random).toWellFormed() });
}

/** What the gateway says about the call; made up when it says nothing, so that the rest is still sent. */
async function claimed(socket: SocketClient, random: FuzzRandom, session: LiveSession): Promise<Challenge> {
  const { sessionId, callId, provider, generation } = session;
  const made = { sessionId, callId, provider, generation, nonce: random.hex(22) };
  if (random.chance(0.15)) return made;
  const ack: Ack | undefined = await socket.ask("claim", JSON.stringify({ did: session.did }));
  return (ack?.["challenge"] as Challenge | undefined) ?? made;
}

interface Answering {
  challenge: Challenge;
  session: LiveSession;
  decision: string;
}

function makeProof({ random }: FuzzInput, device: LiveDevice, answering: Answering): string {
  const { challenge, session, decision } = answering;
  const iat = nowSeconds();
  const claims: Record<string, unknown> = {
    iss: device.deviceId,
    aud: fuzzPublicUrl,
    iat,
    exp: iat + 60,
    jti: randomUUID(),
    sid: challenge.sessionId,
    cid: challenge.callId,
    prv: challenge.provider,
    gen: challenge.generation,
    nonce: challenge.nonce,
    dec: decision,
    ...(random.chance(0.8) ? { did: session.did } : { mth: "push", match: session.did.slice(-2) }),
    ...(random.chance(0.3) ? { call: random.pick(["outgoing", "incoming", "none", "unknown"]) } : {}),
    ...(decision === "deny" ? { reason: random.pick(["not_me", "mistake"]) } : {}),
  };
  const header = {
    alg: device.privateKey.asymmetricKeyType === "ed25519" ? "EdDSA" : "ES256",
    typ: "callseal-confirmation+jwt",
    kid: device.deviceId,
  };
  const wrong = random.chance(0.6);
  if (!wrong) return device.sign({ typ: header.typ, kid: header.kid }, claims);
  return mutateJws(random, {
    key: device.privateKey,
    header,
    claims: random.chance(0.8) ? mutateClaims(random, claims) : claims,
  });
}

function proofPayload(random: FuzzRandom, proof: string): string {
  if (random.chance(0.85)) return JSON.stringify({ proof: proof.slice(0, 15_000) });
  const text = writeJson(mutateValue(random, { proof: proof.slice(0, 4000) })).slice(0, 15_000);
  return isJson(text) ? text : "null";
}

/** What is no JSON is a broken packet and closes the socket: the frames entrance sends those. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
