import { connectDevice } from "../../client-sdk/src/device/index.ts";
import type { VoiceCall } from "../../sandbox/calls/voice-call.ts";
import { isEntry } from "../../sandbox/ledger/ledger-entry.ts";
import type { Demo } from "./open-demo.ts";
import { Timeline } from "./timeline.ts";

const deadlineMs = 60_000;

/** Places a call, hears the code as the caller would, confirms it in the app, and waits until the live call has moved. */
export async function verifyOneCall(demo: Demo, print: (line: string) => void): Promise<void> {
  const timeline = new Timeline(print);
  const leave = demo.cloud.onEntry((entry) => timeline.hear(entry));
  try {
    const call = placeCall(demo);
    timeline.hold();
    const did = await hearCode(demo, call);
    const { sessionId, createdAt } = await demo.sessions.getByCall("twilio", call.sid);
    timeline.stepAtWallTime(`session created (${sessionId.slice(0, 12)}…)`, createdAt);
    timeline.release();
    const poll = demo.sessions
      .waitUntilTerminal(sessionId, { deadline: new Date(Date.now() + deadlineMs) })
      .then((document) => {
        timeline.step(`long poll answered: ${document.status}`);
        return document;
      });
    await confirmInApp(demo, timeline, did);
    const visited = isEntry("ivr.visited", call.sid);
    const page = await demo.cloud.waitFor(visited, {
      timeoutMs: deadlineMs,
      reason: "the IVR's page was never fetched",
    });
    const document = await poll;
    await call.ended;
    await summarize(demo, { document, page: page.page, callSid: call.sid }, print);
  } finally {
    timeline.release();
    leave();
  }
}

export function placeCall(demo: Demo): VoiceCall {
  return demo.cloud.placeCall({
    accountSid: demo.accountSid,
    to: "+18005551234",
    from: demo.callerNumber,
    voiceUrl: `${demo.gatewayUrl}/ivr/verify/start`,
    statusCallback: `${demo.gatewayUrl}/ivr/verify/status`,
  });
}

/** The caller writes down the digits as they are spoken. */
async function hearCode(demo: Demo, call: VoiceCall): Promise<string> {
  const spoken = await demo.cloud.waitFor(isEntry("speech.started", call.sid), {
    timeoutMs: deadlineMs,
    reason: "no code was spoken",
  });
  const did = spoken.text.replace(/\D/g, "");
  if (did.length < 6) throw new Error(`no code was spoken: “${spoken.text}”`);
  return did;
}

async function confirmInApp(demo: Demo, timeline: Timeline, did: string): Promise<void> {
  demo.app ??= await connectDevice({ keyStore: demo.phone });
  timeline.step("app connected");
  const challenge = await demo.app.claim(did);
  timeline.step(
    `DID claimed: the app shows “${challenge.organisation}, call from ${challenge.aniMasked ?? "a hidden number"}”`,
  );
  const sentAt = performance.now();
  const answer = await demo.app.confirm(challenge, { did, call: "outgoing" });
  timeline.step(`${answer.status}: acknowledged ${(performance.now() - sentAt).toFixed(1)} ms after it was sent`);
}

async function summarize(
  demo: Demo,
  end: { document: { status: string; sessionId: string }; page: string; callSid: string },
  print: (line: string) => void,
): Promise<void> {
  if (end.document.status !== "confirmed") throw new Error(`the session is ${end.document.status}`);
  if (end.page !== "verified") throw new Error(`the caller was led to the ${end.page} page`);
  const { confirmedAt, intercept } = await demo.sessions.get(end.document.sessionId);
  const updated = demo.cloud.ledger.entries.find(isEntry("call.updated", end.callSid));
  if (!updated) throw new Error(`the call was never updated (intercept ${intercept.status})`);
  const gapMs = updated.monotonicMs - (Date.parse(confirmedAt!) - performance.timeOrigin);
  print(
    `\nThe live call was verified and moved, ${gapMs.toFixed(1)} ms after the confirmation (intercept ${intercept.status}).`,
  );
}
