import { describe, expect, test } from "vitest";
import { type AuditRecord, hashRecord } from "../../core/audit/audit-record.ts";
import { ChainVerifier } from "../../core/audit/chain-verifier.ts";
import type { ChainAnchor } from "../../core/audit/parse-anchor.ts";

/** A chain of so many records in partition 3. */
function makeChain(length: number): AuditRecord[] {
  const records: AuditRecord[] = [];
  for (let sequence = 1; sequence <= length; sequence += 1)
    records.push(makeRecord(sequence, records.at(-1)?.hash ?? ""));
  return records;
}

function makeRecord(sequence: number, previous: string, type = "degraded"): AuditRecord {
  const eventId = `${sequence}-0-3`;
  const content = { partition: 3, sequence, previous, event: `{"id":"${eventId}","type":"${type}"}` };
  return { ...content, eventId, hash: hashRecord(content) };
}

function verify(records: readonly AuditRecord[], anchors: ChainAnchor[] = []) {
  const verifier = new ChainVerifier(3, anchors);
  for (const record of records) verifier.add(record);
  return verifier.finish();
}

const chain = makeChain(6);
const at = (sequence: number) => chain[sequence - 1]!;
const without = (...sequences: number[]) => chain.filter(({ sequence }) => !sequences.includes(sequence));
const replace = (sequence: number, change: Partial<AuditRecord>) =>
  chain.map((record) => (record.sequence === sequence ? { ...record, ...change } : record));
/** What somebody does who knows how hashes are made: a new content, with a hash that fits. */
const rewritten = makeRecord(3, at(2).hash, "confirmed");

describe("a chain", () => {
  test("[A9] that is whole ends where it ends", () => {
    expect(verify(chain)).toEqual({ partition: 3, records: 6, sequence: 6, hash: at(6).hash });
    expect(verify([])).toEqual({ partition: 3, records: 0, sequence: 0, hash: "" });
  });

  test.each<[string, AuditRecord[], { kind: string; sequence: number; eventId?: string }]>([
    ["an entry is removed", without(3), { kind: "removed", sequence: 3 }],
    ["the first entries are removed", without(1, 2), { kind: "removed", sequence: 1 }],
    [
      "an entry's event is altered",
      replace(3, { event: at(3).event.replace("degraded", "confirmed") }),
      { kind: "altered", sequence: 3, eventId: "3-0-3" },
    ],
    [
      "an entry's hash is altered",
      replace(3, { hash: "0".repeat(64) }),
      { kind: "altered", sequence: 3, eventId: "3-0-3" },
    ],
    [
      "an entry's link is altered",
      replace(3, { previous: "0".repeat(64) }),
      { kind: "altered", sequence: 3, eventId: "3-0-3" },
    ],
    [
      "an entry is replaced, with a hash that fits",
      replace(3, rewritten),
      { kind: "altered", sequence: 3, eventId: "3-0-3" },
    ],
    ["two entries change places", [at(1), at(3), at(2), at(4)], { kind: "reordered", sequence: 2, eventId: "2-0-3" }],
    ["an entry is moved to the end", [...without(2), at(2)], { kind: "reordered", sequence: 2, eventId: "2-0-3" }],
    ["an entry stands twice", [at(1), at(2), at(2), at(3)], { kind: "duplicated", sequence: 2, eventId: "2-0-3" }],
    ["an entry stands again at the end", [...chain, at(4)], { kind: "duplicated", sequence: 4, eventId: "4-0-3" }],
    [
      "an entry is removed and the rest renumbered",
      without(3).map((record, index) => ({ ...record, sequence: index + 1 })),
      { kind: "altered", sequence: 3, eventId: "4-0-3" },
    ],
    [
      "an entry belongs to another partition",
      replace(3, { partition: 4 }),
      { kind: "altered", sequence: 3, eventId: "3-0-3" },
    ],
    [
      "the first entry continues another one",
      [makeRecord(1, "0".repeat(64))],
      { kind: "altered", sequence: 1, eventId: "1-0-3" },
    ],
  ])("[A10] in which %s is broken there, and unbroken up to there", (_name, attacker, fault) => {
    const verdict = verify(attacker);
    expect(verdict.fault).toMatchObject({ partition: 3, ...fault });
    // What stands twice was whole the first time.
    if (fault.kind !== "duplicated") expect(verdict.sequence).toBe(fault.sequence - 1);
    if (fault.eventId === undefined) expect(verdict.fault).not.toHaveProperty("eventId");
  });

  test("[A10] of many is broken at a random change, whichever it is", () => {
    const long = makeChain(200);
    for (let index = 0; index < 200; index += 7) {
      const changed = long.map((record, place) =>
        place === index ? { ...record, event: record.event.replace("degraded", "denied__") } : record,
      );
      expect(verify(changed).fault).toMatchObject({ kind: "altered", sequence: index + 1 });
    }
  });
});

describe("an anchored end", () => {
  const anchor = (sequence: number, hash = at(sequence).hash) => ({ partition: 3, sequence, hash });

  test("[A12] is in a chain that went on from there", () => {
    expect(verify(chain, [anchor(4), { partition: 3, hash: at(2).hash }]).fault).toBeUndefined();
  });

  test("[A12] shows that a chain was cut at its end", () => {
    expect(verify(chain.slice(0, 5)).fault).toBeUndefined();
    expect(verify(chain.slice(0, 5), [anchor(6)]).fault).toMatchObject({ kind: "removed", sequence: 6 });
    expect(verify(chain.slice(0, 5), [{ partition: 3, hash: at(6).hash }]).fault).toMatchObject({ kind: "removed" });
    expect(verify([], [anchor(6)]).fault).toMatchObject({ kind: "removed", sequence: 6 });
  });

  test("[A12] shows that a chain was made anew", () => {
    const forged = [at(1), at(2), rewritten];
    for (const sequence of [4, 5, 6]) forged.push(makeRecord(sequence, forged.at(-1)!.hash));
    expect(verify(forged).fault).toBeUndefined();
    expect(verify(forged, [anchor(5)]).fault).toMatchObject({ kind: "altered", sequence: 5 });
  });

  test("[A12] lets a chain begin after it: what stood before was exported and removed on purpose", () => {
    expect(verify(without(1, 2), [anchor(2)])).toEqual({ partition: 3, records: 4, sequence: 6, hash: at(6).hash });
    expect(verify(without(1, 2), [anchor(2, "0".repeat(64))]).fault).toMatchObject({ kind: "altered" });
    expect(verify(without(1, 2, 3), [anchor(2)]).fault).toMatchObject({ kind: "removed" });
  });

  test("[A12] that is older than the beginning asks nothing of what was removed", () => {
    expect(verify(without(1, 2, 3), [anchor(1), anchor(3)]).fault).toBeUndefined();
    const verifier = new ChainVerifier(3, [anchor(4), anchor(6)]);
    const head = { sequence: 6, hash: at(6).hash };
    expect(verifier.finish({ before: head, after: head })).toEqual({ partition: 3, records: 0, ...head });
    const cut = new ChainVerifier(3, [anchor(4)]);
    expect(cut.finish({ before: head, after: head }).fault).toMatchObject({ kind: "removed" });
  });
});
