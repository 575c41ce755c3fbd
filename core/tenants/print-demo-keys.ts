import type { TenantDirectory } from "./tenant-directory.ts";

/** Prints the generated keys of the demo tenant, plainly and apart from the log: without them nobody could call it. */
export function printDemoKeys(tenants: TenantDirectory, write: (text: string) => void): void {
  const lines = tenants.all.flatMap((tenant) =>
    tenant.apiKeys.map((key) => `  tenant ${tenant.id}, key ${key.id} (${key.scopes.join(", ")}): ${key.key}`),
  );
  write(`No CALLSEAL_CONFIG: a demo tenant with generated keys, for development.\n${lines.join("\n")}\n`);
}
