import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { buildOpenApi } from "../../server/http/openapi/build-openapi.ts";

const published = JSON.parse(readFileSync(new URL("../../docs/API/openapi.json", import.meta.url), "utf8"));
const sockets = parse(readFileSync(new URL("../../docs/API/asyncapi.yaml", import.meta.url), "utf8"));

describe("the published descriptions", () => {
  test("[P20] the OpenAPI document is valid 3.1 and the one that the schemas make", async () => {
    expect(published).toEqual(JSON.parse(JSON.stringify(buildOpenApi({ serverUrl: "http://localhost:8080" }))));
    await expect(new Validator().validate(structuredClone(published))).resolves.toMatchObject({ valid: true });
  });

  test("[P20] the socket's description resolves every reference that it makes", () => {
    const references: string[] = [];
    JSON.stringify(sockets, (key, value) => {
      if (key === "$ref") references.push(value);
      return value;
    });
    const missing = references.filter((reference) => resolve(sockets, reference) === undefined);
    expect({ missing, some: references.length > 20 }).toEqual({ missing: [], some: true });
  });
});

function resolve(document: unknown, reference: string): unknown {
  return reference
    .slice(2)
    .split("/")
    .reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], document);
}
