import { describe, expect, test } from "vitest";
import { RateLimited } from "../../core/limits/rate-limited.ts";
import { type Creation, DidIndex } from "../../core/redis/did-index.ts";
import { creationKeys, didKeys } from "../../core/redis/keys.ts";
import type { Core } from "../support/open-core.ts";
import { useCore } from "../support/use-core.ts";
import { redisNowMs } from "../support/verified-call.ts";

const fixture = useCore();

interface Reservation {
  tenant?: string;
  owner?: string;
  ttlMs?: number;
  graceMs?: number;
}

function keysOf(core: Core, tenant = "acme"): string[] {
  const { codes, live } = didKeys(core.keyspace, tenant);
  const { byKey, byAni } = creationKeys(core.keyspace, tenant, { keyId: "ivr", ani: "" });
  return [codes, live, byKey, byAni];
}

/** Each candidate is `[code, how many codes of its length may be live]`. */
async function reserve(core: Core, candidates: [code: string, limit: number][], options: Reservation = {}) {
  const times = [options.ttlMs ?? 60_000, options.graceMs ?? 30_000];
  const uncounted = [0, 0];
  const args = [options.owner ?? "owner", ...times, ...uncounted, ...candidates.flat()];
  const [outcome, code] = (await core.run("reserve_did", keysOf(core, options.tenant), args)) as string[];
  return outcome === "reserved" ? code! : "";
}

async function release(core: Core, owner: string, code: string) {
  return await core.run("release_did", keysOf(core), [owner, code]);
}

/** Moves the live codes of a length to `agoMs` before now, as if their time were over. */
async function outlive(core: Core, digits: number, agoMs = 1) {
  const key = `${didKeys(core.keyspace, "acme").live}:${digits}`;
  const over = (await redisNowMs(core)) - agoMs;
  for (const code of await core.redis.zrange(key, 0, "-1")) await core.redis.zadd(key, over, code);
}

describe("reserving", () => {
  test("[C15] the first candidate that is free is reserved and leads to its owner", async () => {
    const core = fixture.open();
    expect(await reserve(core, [["111111", 1000]], { owner: "first" })).toBe("111111");
    const both: [string, number][] = [
      ["111111", 1000],
      ["222222", 1000],
    ];
    expect(await reserve(core, both, { owner: "second" })).toBe("222222");
    expect(await reserve(core, both, { owner: "third" })).toBe("");
    const { codes } = didKeys(core.keyspace, "acme");
    expect(await core.redis.mget(`${codes}:111111`, `${codes}:222222`)).toEqual(["first", "second"]);
  });

  test("[C15] a code lives as long as its session and reads as expired for the grace after it", async () => {
    const core = fixture.open();
    const before = await redisNowMs(core);
    await reserve(core, [["111111", 1000]], { ttlMs: 60_000, graceMs: 30_000 });
    const after = await redisNowMs(core);
    const { codes, live } = didKeys(core.keyspace, "acme");
    const goneAt = await core.redis.pexpiretime(`${codes}:111111`);
    expect(goneAt).toBeGreaterThanOrEqual(before + 90_000);
    expect(goneAt).toBeLessThanOrEqual(after + 90_000);
    const until = Number(await core.redis.zscore(`${live}:6`, "111111"));
    expect(until).toBeGreaterThanOrEqual(before + 60_000);
    expect(until).toBeLessThanOrEqual(after + 60_000);
    expect(await core.redis.pttl(`${live}:6`)).toBeGreaterThan(590_000);
  });

  test("[C15] the same code may be live for two tenants", async () => {
    const core = fixture.open();
    expect(await reserve(core, [["111111", 1000]], { tenant: "acme" })).toBe("111111");
    expect(await reserve(core, [["111111", 1000]], { tenant: "globex" })).toBe("111111");
  });

  test("[C15] of racing reservations of one code over two connections, one has it", async () => {
    const first = fixture.open();
    const second = fixture.open({ prefix: first.keyspace.prefix });
    const race = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        reserve(index % 2 ? first : second, [["777777", 1000]], { owner: `owner-${index}` }),
      ),
    );
    expect(race.filter((code) => code === "777777")).toHaveLength(1);
  });
});

describe("a crowded space", () => {
  const filled = async (core: Core, digits: number, count: number) => {
    const codes = Array.from({ length: count }, (_, index) => String(index).padStart(digits, "0"));
    await Promise.all(codes.map((code) => reserve(core, [[code, count]])));
  };

  test("[C16] the thousand-and-first code of six digits has seven", async () => {
    const core = fixture.open();
    await filled(core, 6, 999);
    const next: [string, number][] = [
      ["900001", 1000],
      ["9000001", 10_000],
    ];
    expect(await reserve(core, next)).toBe("900001");
    next[0]![0] = "900002";
    expect(await reserve(core, next)).toBe("9000001");
    await outlive(core, 6);
    expect(await reserve(core, next)).toBe("900002");
  });

  test("[C16] with a check digit a tenth as many are live", async () => {
    const core = fixture.open();
    await filled(core, 6, 100);
    expect(await reserve(core, [["900001", 100]])).toBe("");
    expect(await reserve(core, [["900001", 101]])).toBe("900001");
  });

  test("[C16] racing reservations do not exceed the limit", async () => {
    const first = fixture.open();
    const second = fixture.open({ prefix: first.keyspace.prefix });
    const race = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        reserve(index % 2 ? first : second, [
          [String(100_000 + index), 20],
          [String(1_000_000 + index), 200],
        ]),
      ),
    );
    expect(race.filter((code) => code.length === 6)).toHaveLength(20);
    expect(race.filter((code) => code.length === 7)).toHaveLength(40);
  });

  test("[C16] a code in its grace is no longer live, but it is not given out again", async () => {
    const core = fixture.open();
    await reserve(core, [["111111", 1]]);
    await outlive(core, 6);
    expect(
      await reserve(core, [
        ["111111", 1],
        ["222222", 1],
      ]),
    ).toBe("222222");
  });
});

describe("giving back", () => {
  test("[C15] only its owner gives a code back, and then it is free", async () => {
    const core = fixture.open();
    await reserve(core, [["111111", 1]], { owner: "first" });
    expect(await release(core, "second", "111111")).toBe(0);
    expect(await reserve(core, [["111111", 2]])).toBe("");
    expect(await release(core, "first", "111111")).toBe(1);
    expect(await release(core, "first", "111111")).toBe(0);
    expect(await reserve(core, [["111111", 1]], { owner: "second" })).toBe("111111");
  });
});

describe("the limits of creations", () => {
  const ttlMs = 60_000;
  const policy = { didDigits: 6, didCheckDigit: false };
  const creation: Creation = { keyId: "ivr-key", mostByKey: 1000, ani: "+14155550000", mostByAni: 10 };
  const openIndex = (core: Core) => new DidIndex(core.redis, core.run, core.keyspace);
  /** The code, or the refusal. */
  const attempt = (dids: DidIndex, by: Creation, call = "call-1") =>
    dids.reserve("acme", call, { policy, ttlMs, creation: by }).catch((error: unknown) => error as RateLimited);
  const refusalsOf = (race: (string | RateLimited)[]) => race.filter((one) => one instanceof RateLimited);

  test("[C32] hold over all gateways: of 40 from one number as many as are allowed have a code, and one refusal is the first", async () => {
    const first = fixture.open();
    const second = fixture.open({ prefix: first.keyspace.prefix });
    const indexes = [openIndex(first), openIndex(second)];
    const race = await Promise.all(Array.from({ length: 40 }, (_, at) => attempt(indexes[at % 2]!, creation)));
    const refusals = refusalsOf(race);
    expect(refusals).toHaveLength(30);
    expect(refusals.filter((refusal) => refusal.first)).toHaveLength(1);
    for (const { code, retryAfterSeconds, message } of refusals) {
      expect(code).toBe("rate_limited");
      expect(retryAfterSeconds).toBeGreaterThanOrEqual(1);
      expect(retryAfterSeconds).toBeLessThanOrEqual(60);
      expect(message).not.toContain("4155550000");
    }
    const keys = await first.redis.keys("*");
    expect(keys.filter((key) => key.includes(":code:"))).toHaveLength(10);
    const windows = keys.filter((key) => key.includes(":rate:"));
    expect(windows).toHaveLength(2);
    expect(windows.join()).not.toMatch(/4155550000|ivr-key/);
    for (const window of windows) expect(await first.redis.pttl(window)).toBeGreaterThan(0);
  });

  test("[C32] are of each key, number and tenant alone, and a withheld number has none", async () => {
    const dids = openIndex(fixture.open());
    const narrow = { ...creation, mostByKey: 3, mostByAni: 1 };
    expect(await attempt(dids, narrow)).toMatch(/^\d{6}$/);
    expect(await attempt(dids, narrow)).toBeInstanceOf(RateLimited);
    expect(await dids.reserve("globex", "call-1", { policy, ttlMs, creation: narrow })).toMatch(/^\d{6}$/);
    expect(await attempt(dids, { ...narrow, ani: undefined })).toMatch(/^\d{6}$/);
    expect(await attempt(dids, { ...narrow, ani: "+14155550001" })).toBeInstanceOf(RateLimited);
    expect(await attempt(dids, { ...narrow, ani: undefined, keyId: "another" })).toMatch(/^\d{6}$/);
    expect(await attempt(dids, { ...narrow, ani: "+14155550001", keyId: "another" })).toBeInstanceOf(RateLimited);
  });

  test("[C32] get back what opened nothing, and never more than was counted", async () => {
    const dids = openIndex(fixture.open());
    const single = { ...creation, mostByKey: 1, mostByAni: 1 };
    const code = await attempt(dids, single);
    expect(refusalsOf([await attempt(dids, single)])).toHaveLength(1);
    await dids.release("acme", "call-1", { creation: single });
    expect(await dids.find("acme", String(code))).toBe("call-1");
    for (let time = 0; time < 3; time += 1) {
      await dids.release("acme", "call-1", { code: String(code), creation: single });
    }
    expect(await dids.find("acme", String(code))).toBeUndefined();
    expect(await attempt(dids, single)).toMatch(/^\d{6}$/);
    expect(await attempt(dids, single)).toBeInstanceOf(RateLimited);
  });
});
