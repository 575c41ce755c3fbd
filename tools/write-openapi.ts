import { writeFileSync } from "node:fs";
import { buildOpenApi } from "../server/http/openapi/build-openapi.ts";

/** Writes docs/API/openapi.json anew from the schemas: `npm run docs`. */
const description = buildOpenApi({ serverUrl: "http://localhost:8080" });
writeFileSync(new URL("../docs/API/openapi.json", import.meta.url), `${JSON.stringify(description, null, 2)}\n`);
