import { describe, expect, test } from "vitest";
import type { Session } from "../../core/verification/session.ts";
import type { VoiceCall } from "../../sandbox/calls/voice-call.ts";
import { isEntry } from "../../sandbox/ledger/ledger-entry.ts";
import { enrolDevice, type TestDevice } from "../support/enrol-device.ts";
import { useGateways } from "../support/gateway.ts";
import { type LiveDeployment, startLiveDeployment } from "../support/live-deployment.ts";
import { type DeviceSocket, openDeviceSocket } from "../support/open-device-socket.ts";
import { callerApi } from "../support/open-session.ts";
import { permutations } from "../support/permutations.ts";
import { type Answer, send } from "../support/send.ts";
import { eventsOf, expire } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";
import { type ApiGate, startApiGate } from "./start-api-gate.ts";

const fixture = useGateways();
/** Many calls wait at once, and each look is a question to Redis. */
const patiently = { withinMs: 20_000, everyMs: 40 };

const stimuli = ["confirm", "hang-up", "expiry", "redirect failure"] as const;
type Stimulus = (typeof stimuli)[number];
type Order = readonly Stimulus[];

/** How the redirect fails: nothing is done, nothing is done and the sender is slowed down, or it is done and the answer is lost. */
const failures = ["500", "429", "lateSuccess"] as const;
type Failure = (typeof failures)[number];

interface Outcome {
  when: (at: Record<Stimulus, number>) => boolean;
  why: string;
  /** What the app is told, what the session and its intercept end as, how often the call is moved. */
  ends: {
    told: string | undefined;
    status: Session["status"];
    intercept: Session["intercept"]["status"];
    moved: number;
  };
}

/** Every allowed outcome; the first whose condition holds is the order's own. */
const outcomes: readonly Outcome[] = [
  {
    when: (at) => at.confirm > Math.min(at["hang-up"], at.expiry),
    why: "a confirmation after hang-up or expiry is late and changes nothing (PROTOCOL §4, §6), so nothing is owed",
    ends: { told: "late_confirmation", status: "timeout", intercept: "none", moved: 0 },
  },
  {
    when: (at) => at["hang-up"] < at["redirect failure"],
    why: "confirmed in time stays confirmed (PROTOCOL §1), but the caller was gone before any redirect could succeed",
    ends: { told: "confirmed", status: "confirmed", intercept: "skipped", moved: 0 },
  },
  {
    when: () => true,
    why: "confirmed in time, and on the line when the failure had passed: moved, once (PROTOCOL §5); what follows changes nothing",
    ends: { told: "confirmed", status: "confirmed", intercept: "succeeded", moved: 1 },
  },
];

function outcomeOf(order: Order): Outcome {
  const at = Object.fromEntries(order.map((stimulus, index) => [stimulus, index])) as Record<Stimulus, number>;
  return outcomes.find(({ when }) => when(at))!;
}

/** The events that each stimulus leaves when it comes in this order: one is over before the next begins. */
function storyOf(order: Order): string[] {
  let [confirmed, late, failing, gone] = [false, false, false, false];
  const eventsOn: Record<Stimulus, () => string[]> = {
    confirm: () => {
      confirmed = !late && !gone;
      if (!confirmed) return ["late_confirmation"];
      return failing ? ["confirmed", "intercept_success"] : ["confirmed"];
    },
    "hang-up": () => {
      gone = true;
      return ["call_ended"];
    },
    expiry: () => {
      late = true;
      return confirmed ? [] : ["timeout"];
    },
    "redirect failure": () => {
      failing = true;
      if (!confirmed) return [];
      return [gone ? "intercept_failed" : "intercept_success"];
    },
  };
  return order.flatMap((stimulus) => eventsOn[stimulus]());
}

interface Place {
  live: LiveDeployment;
  gate: ApiGate;
  device: TestDevice;
  socket: DeviceSocket;
}

/** One call on its way through its order. */
interface Play extends Place {
  failure: Failure;
  call: VoiceCall;
  sessionId: string;
  proof: string;
  told: string | undefined;
  fault: { injected: number } | undefined;
}

const play: Record<Stimulus, (it: Play) => Promise<void>> = {
  confirm: async (it) => {
    const { ok, status, code } = await it.socket.ask("confirm", { proof: it.proof });
    it.told = ok ? status : code;
    if (!ok) return;
    if (it.fault) await settled(it);
    else await waitFor("the redirect is under way", () => it.gate.isWaiting(it.call.sid), patiently);
  },
  "hang-up": async (it) => {
    it.call.hangUp();
    await waitFor("the hang-up is known", async () => (await recordOf(it)).callEndedAtMs, patiently);
  },
  expiry: async (it) => {
    await expire(it.live.core, it.sessionId);
    if (it.told === "confirmed") {
      // A timeout job that comes all the same finds nothing to do.
      expect((await it.live.core.sessions.expire(it.sessionId)).outcome).toBe("unchanged");
      return;
    }
    const isRecorded = async () => (await typesOf(it)).includes("timeout");
    await waitFor("the timeout is recorded by the worker", isRecorded, patiently);
  },
  "redirect failure": async (it) => {
    const { sid: callSid } = it.call;
    it.fault = it.live.cloud.faults.add({ target: "call_update", kind: it.failure, callSid, delayMs: 3000 });
    it.gate.open(callSid);
    if (it.told === "confirmed") await settled(it);
  },
};

async function recordOf({ live, sessionId }: Play) {
  return (await live.core.sessions.read(sessionId, "acme"))!;
}

async function typesOf({ live, sessionId }: Play): Promise<string[]> {
  return (await eventsOf(live.core, sessionId)).map(({ type }) => type!);
}

/** The failure has passed: a caller who is on the line hears that they are verified, for another there is nothing to do. */
async function settled(it: Play): Promise<void> {
  const isSettled = async () => (await recordOf(it)).intercept.status !== "pending";
  await waitFor("the intercept is settled", isSettled, patiently);
  if (it.call.status === "in-progress") await it.live.cloud.waitFor(isEntry("ivr.visited", it.call.sid));
}

async function startPlay(place: Place, failure: Failure): Promise<Play> {
  const { live, device, socket } = place;
  const call = live.placeCall();
  const did = await live.heardCode(call);
  const { challenge } = await socket.ask("claim", { did });
  const { sessionId } = challenge!;
  const proof = device.proof(challenge!, { did });
  return { ...place, failure, call, sessionId, proof, told: undefined, fault: undefined };
}

async function playOrder(place: Place, order: Order, failure: Failure) {
  const it = await startPlay(place, failure);
  const { live, call, sessionId } = it;
  const [, second] = live.gateways;
  const ask = (path: string): Promise<Answer> => send(second!, `GET ${path}`, { key: live.keys.sessions });
  const polling = ask(`${callerApi}/sessions/${sessionId}?wait=55`);
  for (const stimulus of order) await play[stimulus](it);
  const polled = (await polling).body;
  const [{ body: read }, { body: ofCall }] = await Promise.all([
    ask(`${callerApi}/sessions/${sessionId}`),
    ask(`${callerApi}/calls/twilio/${call.sid}`),
  ]);
  const { entries } = live.cloud.ledger;
  const visits = entries.filter(isEntry("ivr.visited", call.sid));
  const record = await recordOf(it);
  const beside = ["session_created", "did_issued"];
  return {
    ends: {
      told: it.told,
      status: record.status,
      intercept: record.intercept.status,
      moved: entries.filter(isEntry("call.updated", call.sid)).length,
    },
    // A poll answers the end of the session, and every later reading agrees with it.
    polled: [polled.status, read.status, ofCall.status],
    receipts: [polled, read, ofCall].filter(({ receipt }) => receipt !== undefined).length,
    visits: visits.map(({ page }) => page),
    story: (await typesOf(it)).filter((type) => !beside.includes(type)),
    // An attempt that waited too long at the gate timed out, which is a failed redirect too.
    redirectsFailed: (it.fault?.injected ?? 0) + it.gate.abandoned(call.sid) > 0,
  };
}

function expected(order: Order): Awaited<ReturnType<typeof playOrder>> {
  const { ends } = outcomeOf(order);
  const isConfirmed = ends.status === "confirmed";
  return {
    ends,
    polled: [ends.status, ends.status, ends.status],
    receipts: isConfirmed ? 3 : 0,
    visits: ends.moved > 0 ? ["verified"] : [],
    story: storyOf(order),
    redirectsFailed: isConfirmed,
  };
}

describe("all 24 orders of confirmation, hang-up, expiry and redirect failure", () => {
  const orders = permutations(stimuli);

  test("[C70] end only in allowed outcomes, which polls, events and the call agree on", async () => {
    expect(orders).toHaveLength(24);
    let gate: ApiGate | undefined;
    const live = await startLiveDeployment(fixture, {
      gateways: 2,
      apiBaseUrl: async (cloud) => {
        gate = await startApiGate(cloud.url);
        return gate.url;
      },
    });
    fixture.closeAfter(() => gate!.close());
    await live.startWorker();
    const device = await enrolDevice(live);
    const place = { live, gate: gate!, device, socket: await openDeviceSocket(fixture, live.gateway, device) };
    const allowed = Object.fromEntries(orders.map((order) => [order.join(", "), expected(order)]));
    for (const failure of failures) {
      const playOne = async (order: Order) => [order.join(", "), await playOrder(place, order, failure)] as const;
      const ended = Object.fromEntries(await Promise.all(orders.map(playOne)));
      expect(ended, failure).toEqual(allowed);
    }
  }, 60_000);

  test("[C70] reach every allowed outcome", () => {
    const reached = orders.map((order) => outcomeOf(order).why);
    expect(outcomes.map(({ why }) => reached.filter((one) => one === why).length)).toEqual([16, 3, 5]);
  });
});
