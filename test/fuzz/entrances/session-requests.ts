import type { Entrance, FuzzInput } from "../entrance.ts";
import { mutateTemplate, sendMutated, type Template } from "./send-mutated.ts";

const api = "/scramble/caller/v1";
const providers = ["twilio", "nice", "genesys", "five9", "generic", "agent"];

/** POST /sessions: new calls, calls that have a session, and reissues. */
export const createSessions: Entrance = {
  name: "POST /sessions",
  weight: 12,
  async run(input) {
    const { random, live, index } = input;
    const known = random.chance(0.3) ? await live.session(index, random.below(2) * random.below(3000)) : undefined;
    const template: Template = {
      method: "POST",
      target: `${api}/sessions`,
      scope: "sessions",
      body: {
        provider: known?.provider ?? random.pick(providers),
        callId: known?.callId ?? `new-${live.seed}-${index}`,
        dnis: "+18005551234",
        ani: `+1415555${String(random.below(1_000_000)).padStart(6, "0")}`,
        locale: random.pick(["en-US", "de", "fr-CA", "ja-JP", "x-klingon"]),
        metadata: { crmCaseId: `CASE-${random.below(1000)}`, other: "text" },
        ...(random.chance(0.2) ? { stirVerstat: "TN-Validation-Passed-A" } : {}),
        ...(random.chance(0.2) ? { expectedSubject: "suid_nobody" } : {}),
        ...(random.chance(0.3) ? { reissue: true } : {}),
      },
    };
    return await sendMutated(input, mutateTemplate(random, template));
  },
};

/** Reads and long polls, by session and by call, and the verified cases. */
export const readSessions: Entrance = {
  name: "GET sessions",
  weight: 11,
  async run(input) {
    const { random } = input;
    const { sessionId, provider, callId } = await someSession(input);
    const query = random.pick(["", "", "", "?wait=0", "?wait=0", "?wait=1"]);
    const target = random.pick([
      `${api}/sessions/${sessionId}${query}`,
      `${api}/calls/${provider}/${callId}${query}`,
      `${api}/verifications?caseId=CASE-${random.below(1000)}`,
    ]);
    return await sendMutated(input, mutateTemplate(random, { method: "GET", target, scope: "sessions" }));
  },
};

/** Cancel, loop and call-ended of sessions that live, have ended, or do not exist. */
export const changeSessions: Entrance = {
  name: "POST cancel, loop, call-ended",
  weight: 11,
  async run(input) {
    const { random } = input;
    const { sessionId } = await someSession(input);
    const actions: readonly [string, unknown][] = [
      ["loop", { index: 1 + random.below(4), digit: random.pick(["1", "5", "#"]) }],
      ["loop", { index: 1 + random.below(2) }],
      ["call-ended", { durationSeconds: 92, disposition: "completed" }],
      ["cancel", {}],
    ];
    const [action, body] = random.pick(actions);
    const target = `${api}/sessions/${sessionId}/${action}`;
    return await sendMutated(input, mutateTemplate(random, { method: "POST", target, scope: "sessions", body }));
  },
};

/** The flat façade, by each name of the call id. */
export const flatRequests: Entrance = {
  name: "/ivr/sessions",
  weight: 7,
  async run(input) {
    const { random, index, live } = input;
    const session = await someSession(input);
    const name = random.pick(["callId", "contactId", "conversationId", "interactionId"]);
    const known = random.chance(0.3);
    const callId = known ? session.callId : `flat-${live.seed}-${index}`;
    const provider = known ? session.provider : random.pick(["generic", "five9"]);
    const template: Template = random.chance(0.6)
      ? {
          method: "POST",
          target: "/ivr/sessions",
          scope: "sessions",
          body: {
            [name]: callId,
            provider,
            ani: "",
            dnis: "+18005551234",
            reissue: random.chance(0.3),
            locale: "de-DE",
          },
        }
      : {
          method: "GET",
          target: `/ivr/sessions/${session.sessionId}${random.pick(["", "", "?wait=0", "?wait=1"])}`,
          scope: "sessions",
        };
    const request = mutateTemplate(random, template);
    if (random.chance(0.3)) {
      for (const header of request.headers) {
        if (header[0] === "Authorization") header.splice(0, 2, "X-Api-Key", header[1].replace("Bearer ", ""));
        if (header[0] === "Content-Type") header[1] = "application/x-www-form-urlencoded";
      }
    }
    return await sendMutated(input, request);
  },
};

/** Of the input's own run mostly, and else of one long ago. */
function someSession({ live, index, random }: FuzzInput) {
  return live.session(index, random.chance(0.7) ? 0 : random.below(3000));
}
