import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { configSchema } from "../core/config/config.ts";

const head = `# The environment of Callseal. Generated from core/config/config.ts by: node tools/write-env-example.ts
# docker compose reads a file .env by itself; for a plain process use: node --env-file=.env server/main.ts
# What is commented out shows its default, or nothing where there is none.
`;

const foot = `
# Only for docker-compose.yml: the password of its Redis, hexadecimal because it stands in a URL.
#REDIS_PASSWORD=
`;

/** The text of .env.example: each setting with its meaning and its default. */
export function describeEnvironment(): string {
  const settings = Object.entries(configSchema.shape).map(([name, schema]) => {
    const value: unknown = schema.safeParse(undefined).data;
    return `\n# ${schema.description ?? ""}\n#${name}=${value ?? ""}\n`;
  });
  return head + settings.join("") + foot;
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, "..", ".env.example"), describeEnvironment());
