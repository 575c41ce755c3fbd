import { Router } from "express";
import { shareCall } from "../../core/http/share-call.ts";
import { receiptLifetimeSeconds } from "../../core/keys/issue-receipt.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { authenticate } from "./authenticate.ts";

export interface Readiness {
  ready: boolean;
  /** "ok" or what is wrong, by part. */
  checks: Record<string, string>;
}

/** Health, readiness, metrics, the public keys and the description of the API (PROTOCOL §2, §9). */
export function operationsRouter(context: GatewayContext, checkReadiness: () => Promise<Readiness>): Router {
  const router = Router();
  // Anybody may ask, and each answer asks Redis.
  const readinessNow = shareCall(checkReadiness);
  router.get("/healthz", (_request, response) => {
    response.json({ status: "ok" });
  });
  router.get("/readyz", async (_request, response) => {
    const readiness = await readinessNow();
    response.set("Cache-Control", "no-store");
    response
      .status(readiness.ready ? 200 : 503)
      .json({ status: readiness.ready ? "ready" : "not_ready", checks: readiness.checks });
  });
  router.get("/metrics", authenticate(context.tenants, { scope: "metrics" }), async (_request, response) => {
    context.metrics.channelsHeld.set(context.statusChannel.size);
    response.type(context.metrics.registry.contentType).send(await context.metrics.registry.metrics());
  });
  router.get("/.well-known/jwks.json", (_request, response) => {
    response.set("Cache-Control", `public, max-age=${receiptLifetimeSeconds / 2}`);
    response.json(context.signer.jwks);
  });
  let description: object | undefined;
  router.get("/openapi.json", async (_request, response) => {
    description ??= await describeApi(context.publicUrl);
    response.json(description);
  });
  return router;
}

/** Made for the first who asks: most gateways are never asked, and none has to start later for it. */
async function describeApi(serverUrl: string): Promise<object> {
  const { buildOpenApi } = await import("./openapi/build-openapi.ts");
  return buildOpenApi({ serverUrl });
}
