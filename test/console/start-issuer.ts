import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import type { GatewayFixture } from "../support/gateway.ts";

type Algorithm = "RS256" | "PS256" | "ES256" | "EdDSA" | "RS512";

export interface Issuer {
  issuer: string;
  jwksUrl: string;
  /** Requests for the keys so far. */
  fetches: number;
  /** Replaces the way the keys are answered: an issuer that is down, slow or wrong. */
  answer: RequestListener | undefined;
  /** A token for audience `agents`, an hour long, unless the claims say otherwise; `undefined` removes one. */
  token(claims?: JWTPayload, options?: { algorithm?: Algorithm; kid?: string | undefined }): Promise<string>;
  /** From now on it signs with new keys under new ids, and publishes only those. */
  rotate(): Promise<void>;
}

/** An OIDC issuer on loopback that publishes one key an algorithm. */
export async function startIssuer(
  fixture: Pick<GatewayFixture, "closeAfter">,
  algorithms: Algorithm[] = ["ES256"],
): Promise<Issuer> {
  let keys = new Map<Algorithm, { kid: string; privateKey: CryptoKey }>();
  let published: object[] = [];
  let generation = 0;
  const rotate = async () => {
    generation += 1;
    keys = new Map();
    published = [];
    for (const alg of algorithms) {
      const kid = `${alg}-${generation}`;
      const pair = await generateKeyPair(alg, { extractable: true });
      keys.set(alg, { kid, privateKey: pair.privateKey });
      published.push({ ...(await exportJWK(pair.publicKey)), kid, alg, use: "sig" });
    }
  };
  await rotate();
  const server = createServer((request, response) => {
    self.fetches += 1;
    if (self.answer) {
      self.answer(request, response);
      return;
    }
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys: published }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  fixture.closeAfter(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const self: Issuer = {
    issuer: `${origin}/`,
    jwksUrl: `${origin}/jwks`,
    fetches: 0,
    answer: undefined,
    rotate,
    async token(claims = {}, { algorithm = algorithms[0]!, kid } = {}) {
      const key = keys.get(algorithm)!;
      const now = Math.floor(Date.now() / 1000);
      const all = { iss: self.issuer, aud: "agents", sub: "agent-7", iat: now, exp: now + 3600, ...claims };
      return new SignJWT(all).setProtectedHeader({ alg: algorithm, kid: kid ?? key.kid }).sign(key.privateKey);
    },
  };
  return self;
}
