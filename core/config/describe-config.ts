import { configSchema } from "./config.ts";

/** The settings as a commented environment file, generated so that it never lags the schema. */
export function describeConfig(): string {
  const lines = Object.entries(configSchema.shape).map(([name, schema]) => {
    const fallback = schema.safeParse(undefined);
    const value = fallback.success && fallback.data !== undefined ? String(fallback.data) : "";
    return `# ${schema.description}\n#${name}=${value}\n`;
  });
  return `# Settings of Callseal, with their defaults. Copy to .env or set them in the environment.\n\n${lines.join("\n")}`;
}
