/** One thing that was played to the caller. */
export interface TranscriptLine {
  kind: "say" | "play";
  /** What was said, without markup; of a `<Play>` its URL, or its tones. */
  text: string;
  /** How long it takes in real time; an estimate, divided by nothing. */
  durationMs: number;
  /** `performance.now()` when it began. */
  monotonicMs: number;
  time: string;
  voice?: string;
  language?: string;
  /** True when a key, a call update or a hang-up cut it. */
  cutShort: boolean;
}

/**
 * The last code that was read out digit by digit ("4 8 2 9 1 3", "4, 8, 2, 9, 1, 3." or "482913"), as the caller would type it.
 * A code has at least four digits, so that "press 1" is none.
 */
export function readSpokenCode(transcript: readonly TranscriptLine[]): string | undefined {
  for (const line of transcript.toReversed()) {
    if (line.kind !== "say") continue;
    const spelled =
      line.text.match(/(?<!\d)\d(?:[\s,.、。]{1,3}\d(?!\d)){3,9}/g) ?? line.text.match(/(?<!\d)\d{4,10}(?!\d)/g);
    const last = spelled?.at(-1);
    if (last !== undefined) return last.replace(/\D/g, "");
  }
  return undefined;
}
