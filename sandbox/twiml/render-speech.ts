import type { XmlElement } from "./read-xml.ts";
import type { TwimlWarning } from "./twiml.ts";

/** About 165 words a minute, the pace of Twilio's voices: an estimate, good to a third. */
const WORD_MS = 360;
const IDEOGRAPH_MS = 180;
const SENTENCE_MS = 300;
const CLAUSE_MS = 150;

/** SSML `<break strength>`: https://docs.aws.amazon.com/polly/latest/dg/break-tag.html */
const BREAK_MS: Record<string, number> = {
  none: 0,
  "x-weak": 0,
  weak: 150,
  medium: 150,
  strong: 400,
  "x-strong": 1000,
};

/** SSML elements that Twilio passes to its voices: https://www.twilio.com/docs/voice/twiml/say/text-speech */
const SSML = new Set(["break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w", "mark"]);
const SPELLED = new Set(["digits", "characters", "spell-out", "telephone"]);

export interface Speech {
  text: string;
  durationMs: number;
}

/** What a caller hears of a `<Say>`: its text without markup, and about how long that takes. */
export function renderSpeech(say: XmlElement, warnings: TwimlWarning[]): Speech {
  const pieces: string[] = [];
  const breaksMs = collect(say, pieces, warnings);
  const text = pieces.join("").replace(/\s+/g, " ").trim();
  return { text, durationMs: Math.round(estimateMs(text) + breaksMs) };
}

function collect(element: XmlElement, pieces: string[], warnings: TwimlWarning[]): number {
  let breaksMs = 0;
  for (const child of element.children) {
    if (typeof child === "string") {
      pieces.push(child);
    } else if (!SSML.has(child.name)) {
      warnings.push({ code: 12200, message: `<${child.name}> is not allowed in <Say>` });
    } else if (child.name === "break") {
      breaksMs += breakMs(child);
      pieces.push(" ");
    } else if (child.name === "sub") {
      pieces.push(child.attributes.get("alias") ?? "");
    } else {
      const inner: string[] = [];
      breaksMs += collect(child, inner, warnings);
      const spelled = child.name === "say-as" && SPELLED.has(child.attributes.get("interpret-as") ?? "");
      pieces.push(spelled ? ` ${[...inner.join("").replace(/\s/g, "")].join(" ")} ` : inner.join(""));
    }
  }
  return breaksMs;
}

function breakMs(element: XmlElement): number {
  const time = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(element.attributes.get("time") ?? "");
  // Polly refuses longer breaks than 10 s.
  if (time) return Math.min(10_000, Number(time[1]) * (time[2] === "s" ? 1000 : 1));
  return BREAK_MS[element.attributes.get("strength") ?? "medium"] ?? 150;
}

function estimateMs(text: string): number {
  const ideographs =
    text.match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/gu)?.length ?? 0;
  const words = text.match(/[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{N}'’]+/gu) ?? [];
  // "482913" unspelled is read digit by digit or as a long number: either way every digit takes its time.
  const spoken = words.reduce((sum, word) => sum + (/^\d+$/.test(word) ? word.length : 1), 0);
  const sentences = text.match(/[.!?。！？](?=\s|$)/gu)?.length ?? 0;
  const clauses = text.match(/[,;:、，]/gu)?.length ?? 0;
  return spoken * WORD_MS + ideographs * IDEOGRAPH_MS + sentences * SENTENCE_MS + clauses * CLAUSE_MS;
}
