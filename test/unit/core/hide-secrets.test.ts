import { describe, expect, test } from "vitest";
import { createLogger } from "../../../core/logging/create-logger.ts";

function logged(event: Record<string, unknown>): string {
  const lines: string[] = [];
  const logger = createLogger({
    level: "info",
    process: "test",
    destination: { write: (line) => void lines.push(line) },
  });
  logger.info(event, "thing.done");
  expect(lines).toHaveLength(1);
  return lines[0]!;
}

const circle: Record<string, unknown> = { did: "hunter2" };
circle.self = circle;
const byRequest = Object.assign(new Error("refused"), { token: "hunter2", request: { authorization: "hunter2" } });

const attacker: [name: string, event: Record<string, unknown>][] = [
  ["a secret at the top", { token: "hunter2" }],
  ["a secret one level down", { device: { phone: "hunter2" } }],
  ["a secret three levels down", { a: { b: { c: { proof: "hunter2" } } } }],
  ["a secret below a list", { devices: [{ phones: ["hunter2"] }] }],
  ["a list of secrets", { secrets: ["hunter2", "hunter2"] }],
  ["a secret that is a record", { receipt: { text: "hunter2" } }],
  ["a secret deeper than any event", { a: { b: { c: { d: { e: { f: { g: { h: { did: "hunter2" } } } } } } } } }],
  ["a secret in a circle", circle],
  ["a member of an error", { err: byRequest }],
  ["an error's cause", { err: new Error("failed", { cause: byRequest }) }],
  ["a record without a prototype", Object.assign(Object.create(null), { nonce: "hunter2" })],
];

describe("what a log line carries", () => {
  test.each(attacker)("[D25] %s does not reach it", (_, event) => {
    expect(logged(event)).not.toContain("hunter2");
  });

  test("[D25] the event that was handed on keeps its secret", () => {
    const device = { deviceId: "zid_1", phone: "+14155550123" };
    const line = JSON.parse(logged({ device, tries: [1, 2] }));
    expect(line).toMatchObject({ device: { deviceId: "zid_1", phone: "[redacted]" }, tries: [1, 2] });
    expect(device.phone).toBe("+14155550123");
  });

  test("[D25] everything else is in it as it was", () => {
    const event = { route: "/sessions", status: 200, at: null, deep: { list: [{ a: 1 }] }, gone: undefined };
    expect(JSON.parse(logged(event))).toMatchObject({
      route: "/sessions",
      status: 200,
      at: null,
      deep: { list: [{ a: 1 }] },
    });
  });
});
