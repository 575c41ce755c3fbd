import { CallsealSdkError } from "../errors.ts";
import { retryUntil } from "../retry-until.ts";
import { waitDelay } from "../wait-delay.ts";
import type { SessionDocument } from "./session.ts";

export interface WaitUntilTerminalOptions {
  /** When to give up. Default 10 minutes from now, which no session outlives. */
  deadline?: Date;
  /** Seconds of one long poll; the gateway clamps it to the platform's cap. Default 55. */
  waitSeconds?: number;
  signal?: AbortSignal;
  correlationId?: string;
}

interface PollPort {
  poll: (options: { waitSeconds: number; signal?: AbortSignal; correlationId?: string }) => Promise<SessionDocument>;
  clock: () => number;
  random: () => number;
}

/** Polls start at least this far apart, so that a gateway with a wait cap of 0 is not met in a hot loop. */
const minSpacingMs = 500;

/** Long-polls until the status is terminal; whatever can be retried is retried until the deadline. */
export async function waitUntilTerminal(
  { poll, clock, random }: PollPort,
  options: WaitUntilTerminalOptions,
): Promise<SessionDocument> {
  const deadlineMs = options.deadline?.getTime() ?? clock() + 600_000;
  if (Number.isNaN(deadlineMs))
    throw new CallsealSdkError("invalid_argument", { detail: "the deadline is not a time" });
  const { waitSeconds = 55, signal, correlationId } = options;
  const retry = { deadlineMs, clock, random, signal, baseMs: 200, capMs: 5000 };
  for (;;) {
    const startedMs = clock();
    const remainingSeconds = Math.max(0, Math.ceil((deadlineMs - startedMs) / 1000));
    const pollOptions = {
      waitSeconds: Math.min(waitSeconds, remainingSeconds),
      ...(signal ? { signal } : {}),
      ...(correlationId === undefined ? {} : { correlationId }),
    };
    const document = await retryUntil(() => poll(pollOptions), retry);
    if (document.terminal) return document;
    const pauseMs = Math.max(0, minSpacingMs - (clock() - startedMs));
    if (clock() + pauseMs >= deadlineMs)
      throw new CallsealSdkError("timeout", { detail: "still pending at the deadline" });
    await waitDelay(pauseMs, signal);
  }
}
