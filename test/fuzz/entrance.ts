import type { LiveState } from "./live-state.ts";
import type { FuzzRandom } from "./random.ts";

/** One input: everything about it follows from the seed and the index, except what is live (codes, nonces, times). */
export interface FuzzInput {
  seed: number;
  index: number;
  random: FuzzRandom;
  live: LiveState;
}

/** A door of the product, with a way to make inputs for it. */
export interface Entrance {
  name: string;
  /** How many inputs it gets, in relation to the others. */
  weight: number;
  /** Sends one input and resolves with what came of it, as a label to count; rejects with a FuzzFinding. */
  run(input: FuzzInput): Promise<string>;
}

/** Something that must not happen, happened. */
export class FuzzFinding extends Error {
  /** What was sent, as far as it can be shown. */
  readonly sent: string;

  constructor(message: string, sent: unknown = "") {
    super(message);
    this.name = "FuzzFinding";
    this.sent = describe(sent);
  }
}

function describe(sent: unknown): string {
  const text = Buffer.isBuffer(sent) ? sent.toString("latin1") : typeof sent === "string" ? sent : JSON.stringify(sent);
  return (text ?? "").slice(0, 2000);
}
