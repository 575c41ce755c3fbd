import type { LookupFunction } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { createGuardedDispatcher, type GuardedDispatcherOptions } from "../../../worker/delivery/guarded-dispatcher.ts";
import { sendRequest } from "../../../worker/delivery/send-request.ts";
import { freePort } from "../../support/free-port.ts";
import { answerWith, startTarget, type TargetOptions } from "./start-target.ts";

async function openTarget(options: TargetOptions = {}) {
  const target = await startTarget(answerWith(200, "ok"), options);
  onTestFinished(target.close);
  return target;
}

function openDispatcher(options: GuardedDispatcherOptions) {
  const guarded = createGuardedDispatcher(options);
  onTestFinished(guarded.close);
  return (url: string) =>
    sendRequest(guarded.dispatcher, { url: new URL(url), method: "POST", headers: {}, body: "{}", timeoutMs: 2000 });
}

/** A resolver that answers each question with the next of these lists of addresses, and counts the questions. */
function resolver(...answers: string[][]) {
  const asked: string[] = [];
  const lookup: LookupFunction = (hostname, _options, callback) => {
    const addresses = answers[Math.min(asked.length, answers.length - 1)] ?? [];
    asked.push(hostname);
    const found = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    setImmediate(() => callback(null, found));
  };
  return { lookup, asked };
}

describe("literal addresses", () => {
  const attackers = [
    ["loopback", "http://127.0.0.1:PORT/"],
    ["another loopback", "http://127.8.8.8:PORT/"],
    ["decimal", "http://2130706433:PORT/"],
    ["octal", "http://0177.0.0.1:PORT/"],
    ["hexadecimal", "http://0x7f.0.0.1:PORT/"],
    ["one hexadecimal number", "http://0x7f000001:PORT/"],
    ["short form", "http://127.1:PORT/"],
    ["full-width digits", "http://１２７.0.0.1:PORT/"],
    ["encoded dots", "http://127%2e0%2e0%2e1:PORT/"],
    ["unspecified", "http://0.0.0.0:PORT/"],
    ["zero", "http://0:PORT/"],
    ["user information before the host", "http://example.com@127.0.0.1:PORT/"],
    ["IPv6 loopback", "http://[::1]:PORT/"],
    ["IPv6 unspecified", "http://[::]:PORT/"],
    ["IPv4-mapped", "http://[::ffff:127.0.0.1]:PORT/"],
    ["IPv4-mapped in hexadecimal", "http://[::ffff:7f00:1]:PORT/"],
    ["IPv4-compatible", "http://[::127.0.0.1]:PORT/"],
    ["NAT64", "http://[64:ff9b::127.0.0.1]:PORT/"],
    ["private", "http://10.0.0.1:PORT/"],
    ["private, second range", "http://172.16.0.1:PORT/"],
    ["private, third range", "http://192.168.0.1:PORT/"],
    ["carrier-grade NAT", "http://100.64.0.1:PORT/"],
    ["cloud metadata", "http://169.254.169.254:PORT/latest/meta-data/"],
    ["cloud metadata, decimal", "http://2852039166:PORT/"],
    ["unique local", "http://[fd00:ec2::254]:PORT/"],
    ["multicast", "http://224.0.0.1:PORT/"],
    ["a name of this machine", "http://localhost:PORT/"],
    ["the same name with a final dot", "http://localhost.:PORT/"],
    ["a subdomain of that name", "http://tenant.localhost:PORT/"],
  ] as const;
  test.each(attackers)("[W20] %s (%s) is refused before a connection is made", async (_what, attacker) => {
    const target = await openTarget();
    const send = openDispatcher({});
    const exchange = await send(attacker.replace("PORT", String(target.port)));
    expect(exchange).toMatchObject({ kind: "failed", sent: false });
    // A name that this machine does not know is not resolved at all.
    expect(["blocked_address", "not_resolved"]).toContain(exchange.kind === "failed" && exchange.reason);
    expect(target.connections).toBe(0);
  });

  test("[W21] development reaches this machine, but never link-local or carried addresses", async () => {
    const target = await openTarget();
    const send = openDispatcher({ allowInsecureTargets: true });
    expect(await send(target.url)).toMatchObject({ kind: "answered", status: 200 });
    for (const attacker of ["169.254.169.254", "[::ffff:127.0.0.1]", "0.0.0.0", "[64:ff9b::127.0.0.1]"]) {
      const exchange = await send(`http://${attacker}:${target.port}/`);
      expect(exchange, attacker).toEqual({ kind: "failed", reason: "blocked_address", sent: false });
    }
    expect(target.connections).toBe(1);
  });
});

describe("names", () => {
  test.each([
    ["loopback", ["127.0.0.1"]],
    ["IPv6 loopback", ["::1"]],
    ["IPv4-mapped loopback", ["::ffff:127.0.0.1"]],
    ["metadata", ["169.254.169.254"]],
    ["several private addresses", ["10.0.0.1", "192.168.0.1"]],
    ["no address at all", []],
  ])("[W20] a name that resolves to %s is refused", async (_what, attacker) => {
    const target = await openTarget();
    const { lookup, asked } = resolver(attacker);
    const send = openDispatcher({ lookup });
    const exchange = await send(`http://evil.example:${target.port}/`);
    expect(exchange).toEqual({ kind: "failed", reason: "blocked_address", sent: false });
    expect(asked).toEqual(["evil.example"]);
    expect(target.connections).toBe(0);
  });

  // Two addresses of this machine play the internet (127.0.0.2) and the inside (127.0.0.1).
  const permits = (address: string) => address === "127.0.0.2";

  test("[W20] a name that resolves to a public address first and to loopback for the next connection is refused then", async () => {
    const port = await freePort();
    const outside = await openTarget({ host: "127.0.0.2", port });
    outside.answer = answerWith(200, "ok", { connection: "close" });
    const inside = await openTarget({ host: "127.0.0.1", port });
    const { lookup, asked } = resolver(["127.0.0.2"], ["127.0.0.1"]);
    const send = openDispatcher({ lookup, permits });
    const attacker = `http://rebind.example:${outside.port}/`;
    expect(await send(attacker)).toMatchObject({ kind: "answered", status: 200 });
    expect(await send(attacker)).toEqual({ kind: "failed", reason: "blocked_address", sent: false });
    expect(asked).toHaveLength(2);
    expect(outside.connections).toBe(1);
    expect(inside.connections).toBe(0);
  });

  test("[W20] the name is resolved once a connection: what was checked is what is connected to", async () => {
    const outside = await openTarget({ host: "127.0.0.2" });
    const { lookup, asked } = resolver(["127.0.0.2"], ["127.0.0.1"]);
    const send = openDispatcher({ lookup, permits, connectionsPerOrigin: 1 });
    const url = `http://rebind.example:${outside.port}/`;
    for (let sent = 0; sent < 3; sent += 1) expect(await send(url)).toMatchObject({ kind: "answered", status: 200 });
    expect(asked).toHaveLength(1);
    expect(outside.connections).toBe(1);
  });

  test("[W20] of a mixed answer only the permitted address is tried", async () => {
    const port = await freePort();
    const outside = await openTarget({ host: "127.0.0.2", port });
    const inside = await openTarget({ host: "127.0.0.1", port });
    const { lookup } = resolver(["127.0.0.1", "127.0.0.2"]);
    const send = openDispatcher({ lookup, permits });
    expect(await send(`http://mixed.example:${outside.port}/`)).toMatchObject({ kind: "answered", status: 200 });
    expect(outside.connections).toBe(1);
    expect(inside.connections).toBe(0);
  });
});

describe("closing", () => {
  test("close may be called again, and a later request is refused without being sent", async () => {
    const target = await openTarget();
    const guarded = createGuardedDispatcher({ allowInsecureTargets: true });
    await Promise.all([guarded.close(), guarded.close()]);
    await guarded.close();
    const request = { url: new URL(target.url), method: "POST", headers: {}, timeoutMs: 1000 } as const;
    expect(await sendRequest(guarded.dispatcher, request)).toEqual({ kind: "failed", reason: "closed", sent: false });
    expect(target.connections).toBe(0);
  });
});
