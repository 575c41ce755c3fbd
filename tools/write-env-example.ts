import { writeFileSync } from "node:fs";
import { describeConfig } from "../core/config/describe-config.ts";

/** Writes .env.example anew from the configuration's schema. */
writeFileSync(new URL("../.env.example", import.meta.url), describeConfig());
