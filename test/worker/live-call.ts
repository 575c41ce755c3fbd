import { onTestFinished } from "vitest";
import type { NewSession } from "../../core/redis/session-requests.ts";
import { isEntry } from "../../sandbox/ledger/ledger-entry.ts";
import { startVoiceCloud, type VoiceCloud } from "../../sandbox/voice-cloud.ts";
import { startTarget, type Target } from "./delivery/start-target.ts";

const pages: Record<string, string> = {
  "/voice": '<Pause length="600"/>',
  // The verified caller stays on the line, as on a real one.
  "/ivr/verify/success": '<Pause length="600"/>',
};

export interface Platform {
  cloud: VoiceCloud;
  /** Answers as the gateway's success page and as the IVR that holds the caller. */
  ivr: Target;
  twilio: { mode: "direct"; accountSid: string; authTokens: string[]; apiBaseUrl: string };
  /** A caller on the line, and the session that belongs to the call. */
  call(): Promise<{ sid: string; session: Partial<NewSession>; hangUp(): Promise<void> }>;
  /** How often the call was updated through the REST API. */
  updates(sid: string): number;
  /** How often the success page of the session was fetched. */
  fetches(sessionId: string): number;
}

/** A voice cloud with live calls that wait, and the pages that they fetch; closed after the test. */
export async function startPlatform(): Promise<Platform> {
  const cloud = await startVoiceCloud();
  onTestFinished(() => cloud.close());
  const ivr = await startTarget((response, { path }) => {
    const page = pages[path.split("?")[0]!] ?? "";
    response.writeHead(200, { "content-type": "text/xml" }).end(`<Response>${page}</Response>`);
  });
  onTestFinished(ivr.close);
  const account = cloud.accounts[0]!;
  let updates: string[] = [];
  const stop = cloud.onEntry((entry) => {
    if (entry.type === "call.updated") updates = [...updates, entry.callSid];
  });
  onTestFinished(() => stop());
  return {
    cloud,
    ivr,
    twilio: {
      mode: "direct",
      accountSid: account.accountSid,
      authTokens: [account.authToken],
      apiBaseUrl: cloud.url,
    },
    call: async () => {
      const call = cloud.placeCall({ to: "+18005551234", from: "+14155550000", voiceUrl: `${ivr.url}/voice` });
      await cloud.waitFor(isEntry("verb.started", call.sid));
      return {
        sid: call.sid,
        session: { provider: "twilio", callId: call.sid, mode: "direct", origin: ivr.url },
        hangUp: async () => {
          call.hangUp();
          await call.ended;
        },
      };
    },
    updates: (sid) => updates.filter((updated) => updated === sid).length,
    fetches: (sessionId) => ivr.requests.filter(({ path }) => path === `/ivr/verify/success?sid=${sessionId}`).length,
  };
}
