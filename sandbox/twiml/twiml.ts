/** TwiML as the voice cloud plays it. Durations are what a caller would hear in real time. */
export interface SayVerb {
  verb: "Say";
  /** What is heard, without markup: `<say-as interpret-as="digits">42</say-as>` is "4 2". */
  text: string;
  durationMs: number;
  /** Times it is repeated, 1–1000 (`loop="0"` means 1000). */
  loop: number;
  voice?: string;
  language?: string;
}

export interface PlayVerb {
  verb: "Play";
  loop: number;
  url?: string;
  digits?: string;
}

export interface PauseVerb {
  verb: "Pause";
  seconds: number;
}

export type Prompt = SayVerb | PlayVerb | PauseVerb;
export type HttpMethod = "GET" | "POST";

export interface GatherVerb {
  verb: "Gather";
  /** Absent: the document's own URL. */
  action?: string;
  method: HttpMethod;
  timeoutSeconds: number;
  /** Keys that end the input; empty when none does. */
  finishOnKey: string;
  numDigits?: number;
  actionOnEmptyResult: boolean;
  prompts: Prompt[];
}

export interface RedirectVerb {
  verb: "Redirect";
  /** Empty: the document's own URL. */
  url: string;
  method: HttpMethod;
}

export interface HangupVerb {
  verb: "Hangup";
}

export interface RejectVerb {
  verb: "Reject";
  reason: "rejected" | "busy";
}

/** A verb of Twilio's that the sandbox records and steps over, such as Dial. */
export interface UnplayedVerb {
  verb: "Unplayed";
  name: string;
}

export type Verb = Prompt | GatherVerb | RedirectVerb | HangupVerb | RejectVerb | UnplayedVerb;

export interface TwimlWarning {
  code: number;
  message: string;
}

export interface TwimlDocument {
  verbs: Verb[];
  warnings: TwimlWarning[];
}

/** A document that cannot be played; `code` is Twilio's error code. */
export class TwimlFault extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = "TwimlFault";
    this.code = code;
  }
}
