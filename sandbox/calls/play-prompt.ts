import type { CloudContext } from "../cloud-context.ts";
import { redactUrl } from "../ledger/redact-url.ts";
import type { PlayVerb, Prompt, SayVerb } from "../twiml/twiml.ts";
import type { LiveCall } from "./live-call.ts";
import type { TranscriptLine } from "./transcript.ts";

/** How long any `<Play>` takes: the sandbox does not fetch audio. */
const PLAY_MS = 3000;
/** How long one tone of `<Play digits>` takes. */
const TONE_MS = 250;

/** Plays one prompt to its end, or until the signal cuts it. */
export async function playPrompt(call: LiveCall, prompt: Prompt, signal: AbortSignal, context: CloudContext) {
  if (prompt.verb === "Pause") {
    await context.clock.wait(prompt.seconds * 1000, signal);
    return;
  }
  for (let round = 0; round < prompt.loop && !signal.aborted; round += 1) {
    const line = beginLine(call, prompt, context);
    const toTheEnd = await context.clock.wait(line.durationMs, signal);
    line.cutShort = !toTheEnd;
  }
}

function beginLine(call: LiveCall, prompt: SayVerb | PlayVerb, context: CloudContext): TranscriptLine {
  const { kind, text, durationMs } = describePrompt(prompt);
  const { voice, language } = prompt.verb === "Say" ? prompt : {};
  const spoken = {
    text,
    durationMs,
    ...(voice === undefined ? {} : { voice }),
    ...(language === undefined ? {} : { language }),
  };
  const entry = context.ledger.append({ type: "speech.started", callSid: call.sid, ...spoken });
  const line = { kind, ...spoken, monotonicMs: entry.monotonicMs, time: entry.time, cutShort: false };
  call.transcript.push(line);
  return line;
}

function describePrompt(prompt: SayVerb | PlayVerb): Pick<TranscriptLine, "kind" | "text" | "durationMs"> {
  if (prompt.verb === "Say") return { kind: "say", text: prompt.text, durationMs: prompt.durationMs };
  if (prompt.url === undefined) {
    const tones = prompt.digits ?? "";
    return { kind: "play", text: `tones ${tones}`, durationMs: tones.length * TONE_MS };
  }
  return { kind: "play", text: redactUrl(prompt.url), durationMs: PLAY_MS };
}
