import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { AuditChain } from "../../core/audit/audit-chain.ts";
import { hashRecord } from "../../core/audit/audit-record.ts";
import type { StreamEntry } from "../../core/events/event.ts";
import { outboxKeys } from "../../core/redis/keys.ts";
import { notifiedTenant, openConsumers } from "../notifications/open-consumers.ts";
import { appendEvents } from "../outbox/start-reader.ts";
import { freePort } from "../support/free-port.ts";
import { liveADay, recordTheDay } from "../support/live-a-day.ts";
import type { Core } from "../support/open-core.ts";
import { environmentOf, runCallseal, spawnCallseal } from "../support/run-callseal.ts";
import { useCore } from "../support/use-core.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useCore();

/** A deployment with so many events in the trail of each of two partitions. */
async function openTrail(events = 20): Promise<{ core: Core; environment: Record<string, string> }> {
  const core = fixture.open({ partitions: 2 });
  await appendEvents(core, events);
  await recordTheDay(core);
  return { core, environment: environmentOf(fixture, core) };
}

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "callseal-audit-"));
  fixture.closeAfter(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const auditOf = (core: Core) => outboxKeys(core.keyspace, 1).audit;

async function readEntries(core: Core): Promise<StreamEntry[]> {
  return (await core.redis.xrange(auditOf(core), "-", "+")) as StreamEntry[];
}

/** What somebody who can write to Redis can do: any stream at all instead of the one that was there. */
async function rewrite(core: Core, change: (entries: StreamEntry[]) => StreamEntry[]): Promise<void> {
  const changed = change(await readEntries(core));
  await core.redis.del(auditOf(core));
  for (const [id, fields] of changed) await core.redis.xadd(auditOf(core), id, ...fields);
}

function setField([id, fields]: StreamEntry, name: string, value: string): StreamEntry {
  const place = fields.indexOf(name);
  return [id, fields.with(place + 1, value)];
}

const fieldOf = ([, fields]: StreamEntry, name: string) => fields[fields.indexOf(name) + 1]!;

describe("callseal audit verify", () => {
  test("[A10] of a whole trail prints the end of each chain and ends with 0", async () => {
    const { core, environment } = await openTrail();
    const { code, out, err } = await spawnCallseal(["audit", "verify"], { environment });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const partition of [0, 1]) {
      const head = await new AuditChain(core).readHead(partition);
      expect(out).toContain(`p${partition}=${head.sequence}:${head.hash} # ${head.sequence} entries\n`);
    }
    expect(out).toContain("# unbroken: 20 entries in 2 partitions\n");
  });

  test("[A10] of a lived day ends with 0 and prints nobody's code or number", async () => {
    const core = fixture.open();
    await liveADay(core);
    const environment = environmentOf(fixture, core);
    expect((await runCallseal(["audit", "verify"], environment)).code).toBe(0);
    const { out } = await runCallseal(["audit", "export"], environment);
    expect(out.split("\n").length).toBeGreaterThan(20);
    expect(out).not.toMatch(/nonce|4155550000|"did":/);
  });

  test.each<[string, string, (core: Core, entries: StreamEntry[]) => Promise<unknown>]>([
    [
      "removed",
      "removed at #4: entry 4 is missing after",
      (core, entries) => core.redis.xdel(auditOf(core), entries[3]![0]),
    ],
    [
      "removed",
      "removed at #8: entries 8 to",
      (core, entries) => core.redis.xdel(auditOf(core), ...entries.slice(7).map(([id]) => id)),
    ],
    [
      "removed",
      "removed at #1: entries 1 to 3 are missing",
      (core, entries) => core.redis.xtrim(auditOf(core), "MINID", entries[3]![0]),
    ],
    ["removed", "removed at #1", (core) => core.redis.del(auditOf(core))],
    [
      "altered",
      "altered at #3",
      (core) =>
        rewrite(core, (all) =>
          all.with(2, setField(all[2]!, "event", fieldOf(all[2]!, "event").replace("degraded", "confirmed"))),
        ),
    ],
    [
      "reordered",
      "reordered at #2",
      (core) => rewrite(core, (all) => all.with(1, [all[1]![0], all[2]![1]]).with(2, [all[2]![0], all[1]![1]])),
    ],
    [
      "duplicated",
      "duplicated at #5",
      (core) => rewrite(core, (all) => [...all, [`${Date.now() + 60_000}-0`, all[4]![1]]]),
    ],
  ])(
    "[A10] names the first entry that was %s, its event and its partition, and ends with 1: %s",
    async (_kind, words, tamper) => {
      const { core, environment } = await openTrail(30);
      const entries = await readEntries(core);
      await tamper(core, entries);
      const { code, out } = await runCallseal(["audit", "verify"], environment);
      expect(code).toBe(1);
      expect(out).toContain(`# p1: BROKEN: ${words}`);
      expect(out).toMatch(/^p0=\d+:[0-9a-f]{64} /m);
      expect(out).toContain("# BROKEN: 1 of 2 partitions");
      const sequence = Number(/#(\d+)/.exec(words)![1]);
      if (!words.startsWith("removed")) expect(out).toContain(`event ${entries[sequence - 1]![0]}-1`);
    },
  );

  test("[A12] sees a trail that was made anew only against an anchored end", async () => {
    const { core, environment } = await openTrail(30);
    const before = await runCallseal(["audit", "verify"], environment);
    const anchors = join(await makeFolder(), "heads.txt");
    await writeFile(anchors, before.out);
    expect((await runCallseal(["audit", "verify", "--anchors", anchors], environment)).code).toBe(0);

    let previous = "";
    await rewrite(core, (all) =>
      all.map((entry, index) => {
        const event = fieldOf(entry, "event").replace("acme", "acne");
        const hash = hashRecord({ partition: 1, sequence: index + 1, previous, event });
        const forged: StreamEntry = [
          entry[0],
          ["sequence", String(index + 1), "previous", previous, "hash", hash, "event", event],
        ];
        previous = hash;
        return forged;
      }),
    );
    await core.redis.hset(outboxKeys(core.keyspace, 1).auditHead, "hash", previous);
    expect((await runCallseal(["audit", "verify"], environment)).code).toBe(0);
    const anchored = await runCallseal(["audit", "verify", "--anchors", anchors], environment);
    expect(anchored.code).toBe(1);
    expect(anchored.out).toContain("the chain was rebuilt");
  });

  test("[A12] lets a trail begin after an anchored end", async () => {
    const { core, environment } = await openTrail(30);
    const entries = await readEntries(core);
    const anchor = `p1=4:${fieldOf(entries[3]!, "hash")}`;
    await core.redis.xtrim(auditOf(core), "MINID", entries[4]![0]);
    expect((await runCallseal(["audit", "verify"], environment)).code).toBe(1);
    expect((await runCallseal(["audit", "verify", "--expect-head", anchor], environment)).code).toBe(0);
    expect((await runCallseal(["audit", "verify", "--expect-head", anchor.slice(0, -1)], environment)).code).toBe(2);
  });
});

describe("callseal audit prune", () => {
  test("[A26] removes what is anchored, and what is left goes on and is verified from there", async () => {
    const { core, environment } = await openTrail(30);
    const anchors = join(await makeFolder(), "heads.txt");
    await writeFile(anchors, (await runCallseal(["audit", "verify"], environment)).out);
    await appendEvents(core, 10, "more");
    await recordTheDay(core);
    const pruned = await spawnCallseal(["audit", "prune", "--anchors", anchors], { environment });
    expect(pruned).toMatchObject({
      code: 0,
      err: "",
      out: expect.stringMatching(/^p0=\d+:[0-9a-f]{64} # \d+ entries removed\np1=/),
    });
    const left = await Promise.all([0, 1].map((p) => core.redis.xlen(outboxKeys(core.keyspace, p).audit)));
    expect(left[0]! + left[1]!).toBe(10);
    const anchored = ["audit", "verify", "--anchors", anchors];
    expect(await runCallseal(anchored, environment)).toMatchObject({
      code: 0,
      out: expect.stringContaining("unbroken: 10"),
    });
    expect((await runCallseal(["audit", "verify"], environment)).code).toBe(1);

    const ends = (await runCallseal(anchored, environment)).out;
    await writeFile(anchors, ends, { flag: "a" });
    expect((await runCallseal(["audit", "prune", "--anchors", anchors], environment)).code).toBe(0);
    expect((await runCallseal(anchored, environment)).code).toBe(0);
    await appendEvents(core, 5, "last");
    await recordTheDay(core);
    expect(await runCallseal(anchored, environment)).toMatchObject({
      code: 0,
      out: expect.stringContaining("unbroken: 5"),
    });
  });

  test("[A26] removes nothing of a trail that is broken, or without an anchor in it", async () => {
    const { core, environment } = await openTrail(30);
    const entries = await readEntries(core);
    const end = `p1=${entries.length}:${fieldOf(entries.at(-1)!, "hash")}`;
    const prune = (...args: string[]) => runCallseal(["audit", "prune", ...args], environment);
    expect((await prune()).code).toBe(2);
    expect(await prune("--expect-head", end.replace("p1=", "p7="))).toMatchObject({
      code: 2,
      err: expect.stringContaining("CALLSEAL_PARTITIONS is 2"),
    });
    expect((await prune("--expect-head", `p1=3:${"0".repeat(64)}`)).code).toBe(1);
    await core.redis.xdel(auditOf(core), entries[2]![0]);
    const broken = await prune("--expect-head", end);
    expect(broken).toMatchObject({ code: 1, out: expect.stringContaining("removed at #3") });
    expect(await core.redis.xlen(auditOf(core))).toBe(entries.length - 1);
  });
});

describe("a worker", () => {
  test("[A12] logs where the chains end when they have grown, fit to be anchors", async () => {
    const { core, environment } = await openTrail();
    const { logs } = openConsumers(fixture, core, { tenants: [notifiedTenant([])], tuning: { anchorEveryMs: 20 } });
    const anchored = () => logs.filter(({ event }) => event === "audit.anchored");
    await waitFor("the ends are logged", () => anchored().length === 1);
    await appendEvents(core, 4, "more");
    await waitFor("they are logged again", () => anchored().length > 1);
    const heads = anchored().flatMap((line) => line["heads"] as string[]);
    expect(heads.length).toBeGreaterThan(2);
    const args = heads.flatMap((head) => ["--expect-head", head]);
    expect((await runCallseal(["audit", "verify", ...args], environment)).code).toBe(0);
    const forged = heads[0]!.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
    expect((await runCallseal(["audit", "verify", "--expect-head", forged], environment)).code).toBe(1);
  });
});

describe("callseal audit export", () => {
  test("[A13] writes what audit verify --file verifies without Redis", async () => {
    const { environment } = await openTrail(600);
    const folder = await makeFolder();
    const path = join(folder, "trail.jsonl");
    const exported = await spawnCallseal(["audit", "export", "--output", path], { environment });
    expect(exported).toMatchObject({ code: 0, out: "" });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
    expect(lines).toHaveLength(600);
    await writeFile(join(folder, "heads.txt"), exported.err);
    const verified = await runCallseal(["audit", "verify", "--file", path, "--anchors", join(folder, "heads.txt")]);
    expect(verified).toMatchObject({
      code: 0,
      out: expect.stringContaining("# unbroken: 600 entries in 2 partitions"),
    });
    const piped = await spawnCallseal(["audit", "verify", "--file", "-"], { stdin: lines.join("\n") });
    expect(piped.code).toBe(0);

    const again = await runCallseal(["audit", "export", "-o", path], environment);
    expect(again).toMatchObject({ code: 2, err: expect.stringContaining("exists already") });
  });

  test.each<[string, (lines: string[]) => string[]]>([
    ["removed at #5", (lines) => lines.toSpliced(4, 1)],
    ["altered at #5", (lines) => lines.with(4, lines[4]!.replace("degraded", "confirmed"))],
    ["altered at #5", (lines) => lines.with(4, lines[4]!.replace('{"event":{', '{"event":{ '))],
    ["reordered at #5", (lines) => lines.with(4, lines[5]!).with(5, lines[4]!)],
    ["duplicated at #5", (lines) => lines.toSpliced(5, 0, lines[4]!)],
    ["line 5: BROKEN: is not JSON", (lines) => lines.with(4, lines[4]!.slice(0, 40))],
  ])("[A10][A13] of a changed file it says: %s", async (words, change) => {
    const { environment } = await openTrail(30);
    const { out } = await runCallseal(["audit", "export"], environment);
    const path = join(await makeFolder(), "changed.jsonl");
    await writeFile(path, `${change(out.trimEnd().split("\n")).join("\n")}\n`);
    const verified = await runCallseal(["audit", "verify", "--file", path]);
    expect(verified.code).toBe(1);
    expect(verified.out).toContain(words);
  });
});

describe("callseal", () => {
  test.each([
    [["help"], "callseal audit verify"],
    [["--help"], "callseal audit verify"],
    [[], "callseal audit verify"],
    [["audit", "verify", "--help"], "Exit code: 0 unbroken, 1 broken, 2 could not be verified."],
    [["help", "audit", "export"], "--output"],
    [["notifications", "replay", "-h"], "--since"],
  ])("[A15] %j explains itself", async (args, words) => {
    const { code, out, err } = await runCallseal(args);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain(words);
  });

  test.each([
    [["audit"], "there is no command"],
    [["audit", "forge"], "there is no command"],
    [["audit", "verify", "--fiel", "x"], "Unknown option"],
    [["audit", "verify", "x"], "Unexpected argument"],
    [["audit", "verify"], "REDIS_URL is not set"],
    [["audit", "verify", "--file", "/nowhere/trail.jsonl"], "cannot be read: ENOENT"],
    [["audit", "verify", "--file", "/"], "it is a folder"],
    [["audit", "verify", "--anchors", "/nowhere"], "cannot be read: ENOENT"],
    [["notifications", "replay"], "say what to send again"],
    [["notifications", "list", "--since", "yesterday"], "neither a time nor"],
  ])("[A15] %j ends with 2 and says why", async (args, words) => {
    const { code, out, err } = await runCallseal(args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(words);
    expect(err).not.toContain("    at ");
  });

  test("[A15] says that Redis is not reachable, and never its password", async () => {
    const url = `redis://name:pass-word@127.0.0.1:${await freePort()}`;
    const refused = await spawnCallseal(["audit", "verify"], { environment: { REDIS_URL: url } });
    expect(refused).toMatchObject({
      code: 2,
      out: "",
      err: expect.stringContaining("is not reachable: connect ECONNREFUSED"),
    });
    const wrong = new URL(fixture.url);
    wrong.password = "pass-word";
    const denied = await runCallseal(["audit", "export"], { REDIS_URL: wrong.href });
    expect(denied).toMatchObject({
      code: 2,
      out: "",
      err: expect.stringMatching(/not reachable: (?:WRONGPASS|NOAUTH)/),
    });
    expect(refused.err + denied.err).not.toContain("pass-word");
  });
});
