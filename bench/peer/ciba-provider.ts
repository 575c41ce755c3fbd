import { createPublicKey, verify } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Redis } from "ioredis";
import { Provider } from "oidc-provider";
import { reportReady, setting } from "../floor/report-ready.ts";
import { cibaClient } from "./ciba-client-settings.ts";
import { RedisAdapter } from "./redis-adapter.ts";

/**
 * The peer: OpenID Connect CIBA by oidc-provider, poll mode, state in Redis, ES256 id tokens. The device answers by a
 * signed message to `/device`, verified with its key at hand; whatever an app needs to be reached is left out, so that the peer
 * does no more than the flow itself.
 */
const redis = new Redis(setting("REDIS_URL"), { replyMapping: "legacy" });
const deviceKey = createPublicKey({ key: JSON.parse(setting("PEER_DEVICE_JWK")), format: "jwk" });
const issuer = "https://peer.callseal.bench";

const provider = new Provider(issuer, {
  adapter: (model: string) => new RedisAdapter(redis, model),
  clients: [
    {
      ...cibaClient,
      grant_types: ["urn:openid:params:grant-type:ciba"],
      redirect_uris: [],
      response_types: [],
      backchannel_token_delivery_mode: "poll",
      token_endpoint_auth_method: "client_secret_basic",
      id_token_signed_response_alg: "ES256",
    },
  ],
  jwks: { keys: [JSON.parse(setting("PEER_SIGNING_JWK"))] },
  enabledJWA: { idTokenSigningAlgValues: ["ES256"] },
  scopes: ["openid"],
  findAccount: async (_context: unknown, accountId: string) => ({
    accountId,
    claims: async () => ({ sub: accountId }),
  }),
  features: {
    devInteractions: { enabled: false },
    ciba: {
      enabled: true,
      deliveryModes: ["poll"],
      processLoginHint: async (_context: unknown, hint: string) => hint,
      validateBindingMessage: async () => undefined,
      validateRequestContext: async () => undefined,
      triggerAuthenticationDevice: async () => undefined,
      verifyUserCode: async () => undefined,
    },
  },
});
const handle = provider.callback();

async function answerDevice(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { proof } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as { proof: string };
  const end = proof.lastIndexOf(".");
  const signature = Buffer.from(proof.slice(end + 1), "base64url");
  const verified = verify(
    "sha256",
    Buffer.from(proof.slice(0, end)),
    { key: deviceKey, dsaEncoding: "ieee-p1363" },
    signature,
  );
  if (!verified) throw new Error("the device's answer is not signed by it");
  const claims = JSON.parse(Buffer.from(proof.split(".")[1]!, "base64url").toString("utf8")) as Record<string, string>;
  const grant = new provider.Grant({ clientId: cibaClient.client_id, accountId: claims["sub"]! });
  grant.addOIDCScope("openid");
  await grant.save();
  await provider.backchannelResult(claims["req"]!, grant, { acr: "urn:callseal:acr:code" });
  response.setHeader("Content-Type", "application/json");
  response.end('{"ok":true}');
}

await reportReady(
  createServer((request, response) => {
    // The load comes over http on loopback, as it would behind a proxy that ends TLS.
    request.headers["x-forwarded-proto"] = "https";
    if (request.url !== "/device") {
      handle(request, response);
      return;
    }
    answerDevice(request, response).catch((error: Error) => {
      response.statusCode = 500;
      response.end(error.stack);
    });
  }),
);
