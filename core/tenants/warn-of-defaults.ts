import type { Config } from "../config/config.ts";
import type { Deployment } from "../keys/deployment-secrets.ts";
import type { Logger } from "../logging/create-logger.ts";
import type { TenantDirectory } from "./tenant-directory.ts";

/** Says at start what is fit for development only. In production the configuration refuses what is merely warned of here. */
export function warnOfDefaults(
  logger: Logger,
  state: { deployment: Pick<Deployment, "generated">; tenants: TenantDirectory; config: Config },
): void {
  const { generated } = state.deployment;
  if (generated.length > 0) logger.warn({ settings: generated }, "defaults.generated");
  if (state.tenants.clearKeys.length > 0) {
    logger.warn(
      { keys: state.tenants.clearKeys, remedy: "put the sha256 of the key into the tenants file instead" },
      "keys.in_clear",
    );
  }
  const insecure = state.tenants.all.filter((tenant) => tenant.allowInsecureTargets).map((tenant) => tenant.id);
  if (insecure.length > 0) logger.warn({ tenants: insecure }, "targets.insecure");
}
