import { type AuditRecord, hashRecord } from "./audit-record.ts";
import type { ChainAnchor } from "./parse-anchor.ts";

export type FaultKind = "removed" | "altered" | "reordered" | "duplicated";

/** The first thing that is wrong in a partition's chain. */
export interface ChainFault {
  partition: number;
  kind: FaultKind;
  sequence: number;
  /** The id of the event in question; of an entry that is gone nobody knows it. */
  eventId?: string;
  detail: string;
}

type Head = { sequence: number; hash: string };

/** How far a chain holds: up to its fault, or to its end. */
export interface ChainVerdict {
  partition: number;
  /** Records that were seen, whatever is wrong with them. */
  records: number;
  /** The last record of the unbroken part; sequence 0 when there is none. */
  sequence: number;
  hash: string;
  fault?: ChainFault;
}

/** Checks one partition's chain, record by record in the order in which they are stored, in constant memory. */
export class ChainVerifier {
  readonly #partition: number;
  readonly #anchors: readonly ChainAnchor[];
  readonly #met = new Set<ChainAnchor>();
  #records = 0;
  #sequence = 0;
  #hash = "";
  #lastEventId: string | undefined;
  /** Where the unbroken part ends if the last record turns out to be replaced. */
  #before: Head = { sequence: 0, hash: "" };
  #fault: ChainFault | undefined;

  /** `anchors`: ends of this chain that were noted before; the chain has to lead through each. */
  constructor(partition: number, anchors: readonly ChainAnchor[] = []) {
    this.#partition = partition;
    this.#anchors = anchors;
  }

  /** `storedAs` is the id of the event under which the record is kept, when it is kept under one. */
  add(record: AuditRecord, storedAs: string = record.eventId): void {
    this.#records += 1;
    if (this.#records === 1) this.#beginAfterAnchor(record);
    if (this.#fault) this.#lookForRemoved(record);
    else this.#check(record, storedAs);
  }

  /** An entry of which the caller knows already that it is not what was written. */
  addAltered(entry: { sequence: number; eventId: string }, detail: string): void {
    this.#records += 1;
    this.#report("altered", entry, detail);
  }

  /** `heads`: where the chain's keeper said that it ends, before and after it was read. */
  finish(heads?: { before: Head; after: Head }): ChainVerdict {
    if (heads !== undefined && this.#records === 0) this.#beginAtHead(heads);
    if (!this.#fault && heads !== undefined) this.#checkHeads(heads.before, heads.after);
    for (const anchor of this.#anchors) if (!this.#fault) this.#checkAnchor(anchor);
    const end = { partition: this.#partition, records: this.#records, sequence: this.#sequence, hash: this.#hash };
    return this.#fault ? { ...end, fault: this.#fault } : end;
  }

  /** What stood before an anchored end may have been taken away on purpose, after an export. */
  #beginAfterAnchor(record: AuditRecord): void {
    const anchor = this.#anchors.find(({ sequence }) => sequence !== undefined && sequence === record.sequence - 1);
    if (anchor?.sequence !== undefined) this.#beginAt({ sequence: anchor.sequence, hash: anchor.hash });
  }

  /** Anchors of what stood before were left behind with it. */
  #beginAt(end: Head): void {
    this.#sequence = end.sequence;
    this.#hash = end.hash;
    for (const anchor of this.#anchors) {
      const { sequence = Number.POSITIVE_INFINITY, hash } = anchor;
      if (sequence < end.sequence || hash === end.hash) this.#met.add(anchor);
    }
  }

  /** A chain of which everything was taken away after an export ends where it was anchored. */
  #beginAtHead({ before }: { before: Head }): void {
    const anchored = this.#anchors.some(({ sequence, hash }) => sequence === before.sequence && hash === before.hash);
    if (anchored) this.#beginAt(before);
  }

  #check(record: AuditRecord, storedAs: string): void {
    const fault = this.#findFault(record, storedAs);
    if (fault) this.#fault = { partition: this.#partition, ...fault };
    else this.#accept(record);
  }

  #findFault(record: AuditRecord, storedAs: string): Omit<ChainFault, "partition"> | undefined {
    const { sequence, eventId } = record;
    const expected = this.#sequence + 1;
    if (sequence > expected) return this.#describeRemoved(expected, record);
    if (sequence < expected) {
      return { kind: "duplicated", sequence, eventId, detail: "it stands a second time in the chain" };
    }
    const altered = { kind: "altered", sequence, eventId } as const;
    if (record.partition !== this.#partition || !eventId.endsWith(`-${this.#partition}`)) {
      return { ...altered, detail: "it belongs to another partition" };
    }
    if (hashRecord(record) !== record.hash) return { ...altered, detail: "its content does not have its hash" };
    if (record.previous !== this.#hash) return this.#describePredecessor(record);
    return storedAs === eventId ? undefined : { ...altered, detail: "it is kept under the id of another event" };
  }

  #accept(record: AuditRecord): void {
    this.#before = { sequence: this.#sequence, hash: this.#hash };
    this.#sequence = record.sequence;
    this.#hash = record.hash;
    this.#lastEventId = record.eventId;
    for (const anchor of this.#anchors) {
      if (anchor.hash === record.hash) this.#met.add(anchor);
      else if (anchor.sequence === record.sequence) {
        this.#report("altered", record, "its hash is not the anchored one: the chain was rebuilt up to here");
      }
    }
  }

  #describeRemoved(expected: number, record: AuditRecord): Omit<ChainFault, "partition"> {
    const last = record.sequence - 1;
    const which = last === expected ? `entry ${expected} is` : `entries ${expected} to ${last} are`;
    const after = this.#lastEventId === undefined ? "" : `after ${this.#lastEventId} and `;
    return { kind: "removed", sequence: expected, detail: `${which} missing ${after}before ${record.eventId}` };
  }

  /** The record is whole and continues another predecessor: that one was replaced, with a hash that fits its new content. */
  #describePredecessor(record: AuditRecord): Omit<ChainFault, "partition"> {
    const { sequence, eventId } = record;
    if (this.#sequence === 0) {
      const detail = "it is numbered as the first and continues an entry before it";
      return { kind: "altered", sequence, eventId, detail };
    }
    const named = this.#lastEventId === undefined ? {} : { eventId: this.#lastEventId };
    const detail = `it is not the entry that entry ${sequence} continues`;
    const replaced = this.#sequence;
    this.#sequence = this.#before.sequence;
    this.#hash = this.#before.hash;
    return { kind: "altered", sequence: replaced, ...named, detail };
  }

  /** What seemed to be missing stands further down. */
  #lookForRemoved(record: AuditRecord): void {
    const fault = this.#fault!;
    if (fault.kind !== "removed" || record.sequence !== fault.sequence) return;
    const detail = "it stands after entries that follow it";
    this.#fault = { ...fault, kind: "reordered", eventId: record.eventId, detail };
  }

  #checkHeads(before: Head, after: Head): void {
    if (before.sequence > this.#sequence) {
      const detail = `entries ${this.#sequence + 1} to ${before.sequence} are missing at the end`;
      this.#report("removed", { sequence: this.#sequence + 1 }, detail);
    } else if (after.sequence < this.#sequence) {
      this.#report("altered", { sequence: after.sequence + 1 }, "it stands after the recorded end of the chain");
    } else if (after.sequence === this.#sequence && after.hash !== this.#hash) {
      this.#report("altered", { sequence: after.sequence }, "the recorded end of the chain has another hash");
    }
  }

  #checkAnchor(anchor: ChainAnchor): void {
    if (this.#met.has(anchor)) return;
    const { sequence = this.#sequence + 1 } = anchor;
    this.#report("removed", { sequence }, `the anchored end ${anchor.hash} is not in the chain: it was cut or rebuilt`);
  }

  #report(kind: FaultKind, entry: { sequence: number; eventId?: string }, detail: string): void {
    const { sequence, eventId } = entry;
    const named = eventId === undefined ? {} : { eventId };
    this.#fault ??= { partition: this.#partition, kind, sequence, ...named, detail };
  }
}
