import { randomUUID } from "node:crypto";
import { createServer, type Server as HttpServer, type IncomingMessage } from "node:http";
import type { Socket as TcpSocket } from "node:net";
import {
  calculateJwkThumbprint,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  jwtVerify,
  SignJWT,
} from "jose";
import { Server, type Socket } from "socket.io";
import { freePort } from "../support/free-port.ts";

/**
 * A stand-in of the gateway, for what the SDK does when a gateway misbehaves: it refuses, forgets acks, drops connections and
 * lies on command. It speaks PROTOCOL §4 over real HTTP and Socket.IO; that the SDK works with the gateway itself is shown
 * by the tests that start one.
 */
export interface StandInGateway {
  readonly url: string;
  /** Claims of the tokens of every handshake that was made. */
  readonly handshakes: Record<string, unknown>[];
  /** Every request that arrived, in order, answered or not. */
  readonly requests: { event: string; payload: Record<string, unknown> }[];
  /** Bodies of the enrolments. */
  readonly enrolments: Record<string, unknown>[];
  /** Takes the next handshakes' refusals off the front; empty means accept. */
  readonly refusals: { code: string; advice: string; retryAfterSeconds?: number }[];
  /** Takes the next requests' answers off the front: an ack, or "silence", or "drop" for a connection cut in mid-request. */
  readonly answers: (Record<string, unknown> | "silence" | "drop")[];
  /** How many times the key set was fetched. */
  readonly keyFetches: { count: number; failures: number };
  challenge(overrides?: Record<string, unknown>): Promise<Record<string, unknown>>;
  sign(typ: string, claims: Record<string, unknown>): Promise<string>;
  publicJwk: JWK;
  emit(event: string, payload: unknown): void;
  /** The gateway ends every connection, as a drain does. */
  disconnectAll(): void;
  /** TCP connections that were cut so far. */
  cuts: number;
  /** The network ends every connection, without a goodbye. */
  cutAll(): void;
  stop(): Promise<void>;
  /** On the same port, with the same keys. */
  restart(): Promise<void>;
}

export async function startStandInGateway(): Promise<StandInGateway> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  const publicJwk: JWK = { ...(await exportJWK(publicKey)), alg: "ES256", use: "sig" };
  publicJwk.kid = await calculateJwkThumbprint(publicJwk);
  const devices = new Map<string, JWK>();
  const usedTokens = new Set<unknown>();
  const wires = new Set<TcpSocket>();
  let http: HttpServer;
  let io: Server;
  const port = await freePort();

  const gateway: StandInGateway = {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    handshakes: [],
    requests: [],
    enrolments: [],
    refusals: [],
    answers: [],
    keyFetches: { count: 0, failures: 0 },
    cuts: 0,
    publicJwk,
    async challenge(overrides = {}) {
      const content = {
        sessionId: "csn_AAAAAAAAAAAAAAAAAAAAAA_1",
        callId: "CA123",
        provider: "twilio",
        generation: 1,
        nonce: randomUUID(),
        expiresAt: new Date(Date.now() + 60_000).toISOString(),
        organisation: "Acme Bank",
        dnis: "+18005551234",
        aniMasked: "+1******0000",
        aniMatchesDevice: true,
        ...overrides,
      };
      return { ...content, jws: await gateway.sign("callseal-challenge+jwt", content) };
    },
    sign: (typ, claims) =>
      new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: publicJwk.kid ?? "", typ }).sign(privateKey),
    emit: (event, payload) => void io.of("/device").emit(event, payload),
    disconnectAll: () => void io.of("/device").disconnectSockets(true),
    cutAll: () => {
      gateway.cuts += wires.size;
      for (const wire of wires) wire.destroy();
    },
    async stop() {
      await io.close();
    },
    restart: listen,
  };

  async function listen(): Promise<void> {
    http = createServer((request, response) => {
      void answerHttp(request).then(({ status, body, headers }) => {
        response.writeHead(status, { "content-type": "application/json", ...headers });
        response.end(JSON.stringify(body));
      });
    });
    http.on("connection", (wire) => {
      wires.add(wire);
      wire.on("close", () => wires.delete(wire));
    });
    io = new Server(http, { transports: ["websocket"], serveClient: false });
    io.of("/device").use((socket, next) => void admit(socket).then(next));
    io.of("/device").on("connection", serve);
    await new Promise<void>((resolve) => http.listen(port, "127.0.0.1", resolve));
  }

  async function answerHttp(request: IncomingMessage) {
    if (request.url === "/.well-known/jwks.json") {
      gateway.keyFetches.count++;
      if (gateway.keyFetches.failures-- > 0) return { status: 503, body: {} };
      gateway.keyFetches.failures = 0;
      return { status: 200, body: { keys: [publicJwk] } };
    }
    const body = JSON.parse(await readText(request)) as Record<string, unknown>;
    gateway.enrolments.push(body);
    if (body["activationCode"] === "good-code") {
      const deviceId = `zid_${randomUUID()}`;
      devices.set(deviceId, body["publicJwk"] as JWK);
      return { status: 201, body: { deviceId, subjectId: "suid_1", tenant: "acme" } };
    }
    const problem = { type: "about:blank", title: "Unauthorized", status: 401, code: "invalid_activation_code" };
    return {
      status: 401,
      body: problem,
      headers: { "content-type": "application/problem+json", "x-correlation-id": "corr-1234" },
    };
  }

  async function admit(socket: Socket): Promise<Error | undefined> {
    const refusal = gateway.refusals.shift();
    const token = String((socket.handshake.auth as Record<string, unknown>)["token"]);
    const claims = await readToken(token);
    gateway.handshakes.push(claims ?? {});
    if (claims && !refusal) return undefined;
    const data = refusal ?? { code: "unauthenticated", advice: "reauthenticate" };
    return Object.assign(new Error(data.code), { data });
  }

  async function readToken(token: string): Promise<Record<string, unknown> | undefined> {
    try {
      const { kid, alg } = decodeProtectedHeader(token);
      const jwk = devices.get(kid ?? "");
      if (!jwk) return undefined;
      const key = await importJWK(jwk, alg ?? "");
      const { payload } = await jwtVerify(token, key, {
        typ: "callseal-device+jwt",
        audience: gateway.url,
        issuer: kid ?? "",
      });
      if (usedTokens.has(payload.jti) || (payload.exp ?? 0) - (payload.iat ?? 0) > 60) return undefined;
      usedTokens.add(payload.jti);
      return payload;
    } catch {
      return undefined;
    }
  }

  function serve(socket: Socket): void {
    socket.onAny((event: string, payload: Record<string, unknown>, ack: (answer: unknown) => void) => {
      gateway.requests.push({ event, payload });
      const answer = gateway.answers.shift();
      if (answer === "drop") gateway.cutAll();
      else if (answer !== "silence" && answer !== undefined) ack(answer);
    });
  }

  await listen();
  return gateway;
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
