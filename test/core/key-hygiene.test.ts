import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../core/config/config.ts";
import { loadDeployment } from "../../core/keys/deployment-secrets.ts";
import { DidIndex } from "../../core/redis/did-index.ts";
import { liveADay } from "../support/live-a-day.ts";
import { useCore } from "../support/use-core.ts";
import { claimedSession } from "../support/verified-call.ts";

const fixture = useCore();

interface Row {
  pattern: string;
  matches: RegExp;
  type: string;
  registered: boolean;
}

const placeholders: Record<string, string> = {
  "<n>": "\\d+",
  "<h>": "[A-Za-z0-9_-]{22}",
  "<generation>": "[1-9]\\d*",
  "<did>": "\\d{6,10}",
  "<digits>": "\\d{1,2}",
  "*": ".+",
};

/** The table in core/redis/keys.ts: one row for each pattern of a line. */
function readTable(prefix: string): Row[] {
  const source = readFileSync(new URL("../../core/redis/keys.ts", import.meta.url), "utf8");
  const lines = source.split("\n").filter((line) => line.startsWith(" * | `"));
  return lines.flatMap((line) => {
    const [keys = "", type = "", lives = ""] = line.slice(" * | ".length).split(" | ");
    return [...keys.matchAll(/`([^`]+)`/g)].map(([, pattern = ""]) => ({
      pattern,
      matches: toRegExp(pattern, prefix),
      type: type.replace("sorted set", "zset"),
      registered: lives.includes("registered data"),
    }));
  });
}

function toRegExp(pattern: string, prefix: string): RegExp {
  const parts = pattern.replace(/^…/, prefix).split(/(<[a-z]+>|\*)/);
  const source = parts.map((part) => {
    if (/^(<[a-z]+>|\*)$/.test(part)) return placeholders[part] ?? "[A-Za-z0-9_-]+";
    return part.replace(/[{}.]/g, "\\$&");
  });
  return new RegExp(`^${source.join("")}$`);
}

describe("a used database", () => {
  test("[C37] every key is a row of the table, and has a TTL unless the row says registered data", async () => {
    const core = fixture.open();
    await loadDeployment(loadConfig({}), core.redis, core.keyspace);
    await liveADay(core);
    const owing = await claimedSession(core);
    await core.sessions.decide(owing.proof);
    await core.sessions.poll(owing.proof.sessionId, { tenant: "acme", most: 1 });
    const rows = readTable(core.keyspace.prefix);
    expect(rows.length).toBeGreaterThan(15);
    const met = new Set<string>();
    const keys = await core.redis.keys("*");
    expect(keys.length).toBeGreaterThan(25);
    for (const key of keys) {
      const row = rows.find(({ matches }) => matches.test(key));
      expect(row, `${key} is in no row`).toBeDefined();
      met.add(row!.pattern);
      expect(row!.type, key).toContain(await core.redis.type(key));
      const ttl = await core.redis.pttl(key);
      if (row!.registered) expect(ttl, key).toBe(-1);
      else expect(ttl, `${key} would stay for ever`).toBeGreaterThan(0);
    }
    // Written by those who follow the outbox, and with replicas only.
    const elsewhere = /:(wait|readers|audit|audit:head)$/;
    const unmet = rows.map(({ pattern }) => pattern).filter((pattern) => !met.has(pattern) && !elsewhere.test(pattern));
    expect(unmet).toEqual([]);
  });

  test("[C37] no key and no event names a DID's session, a phone number, a nonce or an activation code in clear", async () => {
    const core = fixture.open();
    await liveADay(core);
    const keys = (await core.redis.keys("*")).join("\n");
    expect(keys).not.toContain("4155550000");
    const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 1000 });
    expect(events.length).toBeGreaterThan(20);
    expect(JSON.stringify(events)).not.toMatch(/nonce|4155550000|"did"/);
  });

  test("[C37] when all sessions are over, nothing is due and nothing is owed", async () => {
    const core = fixture.open();
    const { sessions } = await liveADay(core);
    for (const { sessionId } of sessions) await core.sessions.cancel(sessionId, "acme", "corr");
    expect(await core.redis.keys("*:due")).toEqual([]);
    expect(await core.redis.keys("*:owed")).toEqual([]);
  });
});

describe("the deployment's own secrets", () => {
  test("[C38] are made once, however many processes start at the same time", async () => {
    const cores = [fixture.open()];
    for (let index = 0; index < 5; index += 1) cores.push(fixture.open({ prefix: cores[0]!.keyspace.prefix }));
    const deployments = await Promise.all(
      cores.map((core) => loadDeployment(loadConfig({}), core.redis, core.keyspace)),
    );
    expect(new Set(deployments.map(({ secret }) => secret)).size).toBe(1);
    expect(new Set(deployments.map(({ signingKeys }) => signingKeys)).size).toBe(1);
    expect(new Set(deployments.map(({ tenants }) => JSON.stringify(tenants))).size).toBe(1);
    const later = await loadDeployment(loadConfig({}), cores[0]!.redis, cores[0]!.keyspace);
    expect(later).toEqual(deployments[0]);
    expect(deployments[0]!.generated).toEqual(["CALLSEAL_SECRET", "CALLSEAL_SIGNING_KEYS", "CALLSEAL_CONFIG"]);
  });

  test("[C38] that are configured are not kept in Redis", async () => {
    const core = fixture.open();
    const config = loadConfig({ CALLSEAL_SECRET: "x".repeat(40), CALLSEAL_SIGNING_KEYS: '{"keys":[]}' });
    const deployment = await loadDeployment(config, core.redis, core.keyspace);
    expect(deployment).toMatchObject({ secret: "x".repeat(40), signingKeys: '{"keys":[]}' });
    const [key] = await core.redis.keys("*:deployment");
    expect(Object.keys(await core.redis.hgetall(key!))).toEqual(["demoTenant"]);
  });
});

describe("the index of codes", () => {
  test("[C16] grows from six digits to seven when 1,000 are live, and with a check digit when 100 are", async () => {
    const core = fixture.open();
    const dids = new DidIndex(core.redis, core.run, core.keyspace);
    const draw = async (tenant: string, count: number, didCheckDigit: boolean) => {
      const policy = { didDigits: 6, didCheckDigit };
      const one = (index: number) => dids.reserve(tenant, `call-${index}`, { policy, ttlMs: 60_000 });
      const codes = await Promise.all(Array.from({ length: count }, (_, index) => one(index)));
      expect(new Set(codes).size).toBe(count);
      return codes.map((code) => code.length);
    };
    const plain = await draw("acme", 1010, false);
    // Two draws that both collide, one in millions, would add one digit early.
    expect(plain.filter((length) => length === 6).length).toBe(1000);
    expect(plain.filter((length) => length === 7).length).toBe(10);
    const checked = await draw("globex", 105, true);
    expect(checked.filter((length) => length === 6).length).toBe(100);
    expect(checked.filter((length) => length === 7).length).toBe(5);
  });

  test("[C15] a code leads to its call until its owner gives it back", async () => {
    const core = fixture.open();
    const dids = new DidIndex(core.redis, core.run, core.keyspace);
    const code = await dids.reserve("acme", "call-1", {
      policy: { didDigits: 8, didCheckDigit: false },
      ttlMs: 60_000,
    });
    expect(code).toMatch(/^\d{8}$/);
    expect(await dids.find("acme", code)).toBe("call-1");
    expect(await dids.find("globex", code)).toBeUndefined();
    await dids.release("acme", "call-2", { code });
    expect(await dids.find("acme", code)).toBe("call-1");
    await dids.release("acme", "call-1", { code });
    expect(await dids.find("acme", code)).toBeUndefined();
  });
});
