import { createHmac } from "node:crypto";
import type { RequestListener } from "node:http";
import { generateKeyPair, SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { type HandshakeRefused, openDeviceSocket } from "../support/open-device-socket.ts";
import { openSession } from "../support/open-session.ts";
import type { TestTenant } from "../support/test-tenants.ts";
import { testTenant } from "../support/test-tenants.ts";
import { type Issuer, startIssuer } from "./start-issuer.ts";

const fixture = useGateways();
const unauthenticated = { code: "unauthenticated", advice: "reauthenticate" };
const unavailable = { code: "unavailable", advice: "retry" };

const signedInAt = (issuer: Issuer, more: Parameters<typeof testTenant>[0] = {}): TestTenant =>
  testTenant({ oidc: { issuer: issuer.issuer, audience: "agents", jwksUrl: issuer.jwksUrl }, ...more });

const openConsole = (deployment: Deployment, token: unknown) =>
  openDeviceSocket(fixture, deployment.gateway, undefined, { namespace: "/console", token });

async function refusal(opening: Promise<unknown>): Promise<unknown> {
  const error = await opening.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return (error as HandshakeRefused | undefined)?.data;
}

describe("an agent's token", () => {
  test.each(["RS256", "PS256", "ES256", "EdDSA"] as const)(
    "[D23] of the tenant's issuer, signed by %s, opens the tenant's sessions",
    async (algorithm) => {
      const issuer = await startIssuer(fixture, [algorithm]);
      const tenants = [signedInAt(issuer), testTenant({ id: "globex" })];
      const deployment = await fixture.start({ tenants });
      const agent = await openConsole(deployment, await issuer.token());
      const { sessionId } = await openSession(deployment);
      expect(await agent.ask("watch", { sessionId })).toMatchObject({ ok: true, status: "pending" });
      const foreign = await openSession({ ...deployment, keys: tenants[1]!.keys });
      expect((await agent.ask("watch", { sessionId: foreign.sessionId })).code).toBe("not_found");
    },
  );

  const now = Math.floor(Date.now() / 1000);
  const attackers: [name: string, forge: (issuer: Issuer) => Promise<string> | string][] = [
    ["another audience", (issuer) => issuer.token({ aud: "somebody-else" })],
    ["no audience", (issuer) => issuer.token({ aud: undefined! })],
    ["an unknown issuer", (issuer) => issuer.token({ iss: "https://issuer.example/" })],
    ["no issuer", (issuer) => issuer.token({ iss: undefined! })],
    ["the issuer without its slash", (issuer) => issuer.token({ iss: issuer.issuer.slice(0, -1) })],
    ["no end", (issuer) => issuer.token({ exp: undefined! })],
    ["its time over", (issuer) => issuer.token({ exp: now - 60 })],
    ["a beginning in an hour", (issuer) => issuer.token({ nbf: now + 3600 })],
    ["a key that the issuer does not have", (issuer) => issuer.token({}, { kid: "unknown" })],
    ["another key under the issuer's key id", (issuer) => forgeWithOwnKey(issuer)],
    ["an algorithm that is not allowed", (issuer) => issuer.token({}, { algorithm: "RS512" })],
    ["alg none", (issuer) => unsigned(issuer, { alg: "none" })],
    ["HS256 with the key id for a secret", (issuer) => hmac(issuer)],
    ["claims that were changed", async (issuer) => swap(await issuer.token(), issuer)],
    ["a critical extension", (issuer) => unsigned(issuer, { alg: "ES256", kid: "ES256-1", crit: ["x"], x: 1 })],
    ["more than 8 KiB", (issuer) => issuer.token({ padding: "x".repeat(8000) })],
  ];

  test.each(attackers)("[D23] with %s is refused", async (_name, forge) => {
    const issuer = await startIssuer(fixture, ["ES256", "RS512"]);
    const deployment = await fixture.start({ tenants: [signedInAt(issuer)] });
    const attacker = await forge(issuer);
    expect(await refusal(openConsole(deployment, attacker))).toEqual(unauthenticated);
    expect((await openConsole(deployment, await issuer.token())).raw.connected).toBe(true);
  });

  test("[D23] finds its tenant by issuer and audience together", async () => {
    const issuer = await startIssuer(fixture);
    const oidc = { issuer: issuer.issuer, jwksUrl: issuer.jwksUrl };
    const tenants = [
      testTenant({ oidc: { ...oidc, audience: "agents" } }),
      testTenant({ id: "globex", oidc: { ...oidc, audience: "globex-agents" } }),
    ];
    const deployment = await fixture.start({ tenants });
    const ours = await openSession(deployment);
    const theirs = await openSession({ ...deployment, keys: tenants[1]!.keys });
    const agent = await openConsole(deployment, await issuer.token({ aud: ["x", "globex-agents"] }));
    expect((await agent.ask("watch", { sessionId: theirs.sessionId })).ok).toBe(true);
    expect((await agent.ask("watch", { sessionId: ours.sessionId })).code).toBe("not_found");
  });

  test("[D23] ends its socket when it ends itself", async () => {
    const issuer = await startIssuer(fixture);
    const deployment = await fixture.start({ tenants: [signedInAt(issuer)] });
    const agent = await openConsole(deployment, await issuer.token({ exp: Math.floor(Date.now() / 1000) + 4 }));
    const reason = await new Promise((left) => agent.raw.once("disconnect", left));
    expect(reason).toBe("io server disconnect");
  });
});

describe("the issuer's keys", () => {
  test("[D23] are fetched once for many tokens", async () => {
    const issuer = await startIssuer(fixture);
    const deployment = await fixture.start({ tenants: [signedInAt(issuer)] });
    const tokens = await Promise.all(Array.from({ length: 10 }, () => issuer.token()));
    await Promise.all(tokens.map((token) => openConsole(deployment, token)));
    expect(issuer.fetches).toBe(1);
  });

  test("[D23] that nobody has heard of are not asked for again and again", async () => {
    const issuer = await startIssuer(fixture);
    const deployment = await fixture.start({ tenants: [signedInAt(issuer)] });
    await openConsole(deployment, await issuer.token());
    await issuer.rotate();
    for (let tries = 0; tries < 5; tries += 1) {
      expect(await refusal(openConsole(deployment, await issuer.token()))).toEqual(unauthenticated);
    }
    expect(issuer.fetches).toBe(1);
  });

  const faults: [fault: string, answer: RequestListener][] = [
    ["an error", (_, response) => response.writeHead(500).end("x")],
    ["a redirect", (_, response) => response.writeHead(302, { location: "/elsewhere" }).end()],
    ["no JSON", (_, response) => response.end("<html>")],
    ["no key set", (_, response) => response.end("[]")],
    ["a cut connection", (request) => request.socket.destroy()],
    ["silence", () => undefined],
    ["an answer without end", dripForEver],
  ];

  test.each(faults)(
    "[D23] that come as %s leave agents unavailable within seconds, and API keys as they are",
    async (_fault, answer) => {
      const issuer = await startIssuer(fixture);
      const deployment = await fixture.start({ tenants: [signedInAt(issuer)], allowErrors: true });
      issuer.answer = answer;
      const startedAt = performance.now();
      expect(await refusal(openConsole(deployment, await issuer.token()))).toEqual(unavailable);
      expect(performance.now() - startedAt).toBeLessThan(6000);
      expect((await openConsole(deployment, deployment.keys.agent)).raw.connected).toBe(true);
      issuer.answer = undefined;
      expect((await openConsole(deployment, await issuer.token())).raw.connected).toBe(true);
    },
  );

  test("[D23] are refused in the tenants file when they would come in clear, or belong to two tenants alike", async () => {
    const issuer = await startIssuer(fixture);
    const clear = fixture.start({ tenants: [signedInAt(issuer, { allowInsecureTargets: false })] });
    await expect(clear).rejects.toThrow("acme/oidc: jwksUrl is not https");
    const twice = fixture.start({ tenants: [signedInAt(issuer), signedInAt(issuer, { id: "globex" })] });
    await expect(twice).rejects.toThrow("globex/oidc: another tenant has this issuer and audience");
  });
});

const dripForEver: RequestListener = (_, response) => {
  response.writeHead(200, { "content-type": "application/json" });
  const drip = setInterval(() => response.write(" "), 50);
  response.on("close", () => clearInterval(drip));
};

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const claimsFor = (issuer: Issuer) => ({
  iss: issuer.issuer,
  aud: "agents",
  exp: Math.floor(Date.now() / 1000) + 3600,
});
const unsigned = (issuer: Issuer, header: object) => `${encode(header)}.${encode(claimsFor(issuer))}.`;

async function forgeWithOwnKey(issuer: Issuer): Promise<string> {
  const { privateKey } = await generateKeyPair("ES256");
  return new SignJWT(claimsFor(issuer)).setProtectedHeader({ alg: "ES256", kid: "ES256-1" }).sign(privateKey);
}

function hmac(issuer: Issuer): string {
  const input = `${encode({ alg: "HS256", kid: "ES256-1" })}.${encode(claimsFor(issuer))}`;
  return `${input}.${createHmac("sha256", "ES256-1").update(input).digest("base64url")}`;
}

function swap(token: string, issuer: Issuer): string {
  const [header, , signature] = token.split(".");
  return `${header}.${encode({ ...claimsFor(issuer), sub: "somebody-else" })}.${signature}`;
}
