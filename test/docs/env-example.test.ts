import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { describeConfig } from "../../core/config/describe-config.ts";

test("[P21] .env.example is what the configuration's schema describes", () => {
  const published = readFileSync(new URL("../../.env.example", import.meta.url), "utf8");
  expect(published).toBe(describeConfig());
});
