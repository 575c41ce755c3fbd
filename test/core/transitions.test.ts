import { describe, expect, test } from "vitest";
import type { RedisClient } from "../../core/redis/connections.ts";
import type { ProofOfDecision } from "../../core/redis/session-requests.ts";
import type { StatusChannel } from "../../core/redis/status-channel.ts";
import { isTerminal, type Session, type SessionStatus, transitions } from "../../core/verification/session.ts";
import type { Core } from "../support/open-core.ts";
import { pairs, permutations } from "../support/permutations.ts";
import { useCore } from "../support/use-core.ts";
import { claimedSession, eventsOf, expire, recordOf } from "../support/verified-call.ts";

const fixture = useCore();

interface Subject {
  core: Core;
  session: Session;
  proof: ProofOfDecision;
}

/** Every stimulus that a session can meet; those of the transition table carry its names. */
const stimuli = {
  confirm: ({ core, proof }) => core.sessions.decide({ ...proof, jti: "jti-confirm" }),
  deny: ({ core, proof }) => core.sessions.decide({ ...proof, jti: "jti-deny", decision: "deny" }),
  cancel: ({ core, session }) => core.sessions.cancel(session.sessionId, session.tenant, "corr-cancel"),
  ttl: async ({ core, session }) => {
    await expire(core, session.sessionId);
    return await core.sessions.expire(session.sessionId);
  },
  loopExhausted: ({ core, session }) => turn({ core, session }, session.maxRetries + 1, ""),
  loopCanceled: ({ core, session }) => turn({ core, session }, 1, "0"),
  callEnded: ({ core, session }) =>
    core.sessions.endCall(session.sessionId, { tenant: session.tenant, correlationId: "corr-end", event: {} }),
} as const satisfies Record<string, (subject: Subject) => Promise<{ outcome: string; session?: Session }>>;
type Stimulus = keyof typeof stimuli;

/** What each stimulus makes of a pending session in time. */
const fromPending: Record<Stimulus, SessionStatus> = {
  confirm: "confirmed",
  deny: "denied",
  cancel: "canceled",
  ttl: "timeout",
  loopExhausted: "timeout",
  loopCanceled: "canceled",
  callEnded: "pending",
};

function turn({ core, session }: { core: Core; session: Session }, index: number, digit: string) {
  const { tenant, sessionId } = session;
  return core.sessions.advanceLoop(sessionId, { tenant, index, digit, correlationId: "corr-loop", event: {} });
}

const terminalTypes = ["confirmed", "denied", "canceled", "timeout"];
const terminalFields = [
  "status",
  "terminalAt",
  "confirmedAt",
  "jti",
  "deviceId",
  "subjectId",
  "method",
  "amr",
  "acr",
  "prf",
  "intercept",
];

async function terminalState(core: Core, sessionId: string) {
  const record = await recordOf(core, sessionId);
  return Object.fromEntries(terminalFields.map((field) => [field, record[field]]));
}

interface Observer {
  core: Core;
  subscriber: RedisClient;
  status: StatusChannel;
}

/** A session that device A has claimed, and what its channel has said so far. */
async function observedSession({ core, subscriber, status }: Observer) {
  const subject: Subject = { core, ...(await claimedSession(core)) };
  const messages: string[] = [];
  await status.listen(subject.session.sessionId, (message) => void messages.push(message?.status ?? "resync"));
  return {
    ...subject,
    heard: async () => {
      // What was published before is in front of the answer on the same connection.
      await subscriber.ping();
      return messages;
    },
  };
}

describe("the transition table", () => {
  const rows = Object.entries(transitions.pending) as [keyof typeof transitions.pending, SessionStatus][];

  test.each(rows)("[C3] a pending session that meets %s becomes %s", async (stimulus, status) => {
    const core = fixture.open();
    const subject: Subject = { core, ...(await claimedSession(core)) };
    await stimuli[stimulus](subject);
    expect((await core.sessions.read(subject.session.sessionId, "acme"))?.status).toBe(status);
    expect((await recordOf(core, subject.session.sessionId)).status).toBe(status);
  });

  const terminal = (Object.keys(transitions) as SessionStatus[]).filter(isTerminal);

  test("[C3] the terminal states are those that the table leads nowhere from", () => {
    expect(terminal).toEqual(["confirmed", "denied", "canceled", "timeout"]);
  });

  test.each(terminal.flatMap((status) => rows.map(([stimulus]) => ({ status, stimulus }))))(
    "[C3] a $status session that meets $stimulus stays as it is",
    async ({ status, stimulus }) => {
      const core = fixture.open();
      const subject: Subject = { core, ...(await claimedSession(core)) };
      const [into] = rows.find(([, to]) => to === status)!;
      await stimuli[into](subject);
      const before = await terminalState(core, subject.session.sessionId);
      await stimuli[stimulus](subject);
      expect(await terminalState(core, subject.session.sessionId)).toEqual(before);
    },
  );
});

const orders = [
  ...permutations(["confirm", "deny", "cancel", "ttl", "loopExhausted", "callEnded"] as Stimulus[]),
  ...pairs(Object.keys(stimuli) as Stimulus[]).flatMap(([first, second]) => [
    [first, second, first, second],
    [first, first, second, second],
  ]),
];

/** What the rules say of an order: the status after each step, and everything that is told of it. */
function foretell(order: readonly Stimulus[]) {
  let status: SessionStatus = "pending";
  let ended = false;
  const statuses = order.map((stimulus) => {
    // A hang-up leaves the session pending but makes what a device decides after it late.
    const late = ended && (stimulus === "confirm" || stimulus === "deny");
    if (status === "pending" && !late) status = fromPending[stimulus];
    ended ||= stimulus === "callEnded";
    return status;
  });
  const told = status === "pending" ? [] : [status];
  return { statuses, changesAfterTheEnd: 0, events: told, messages: told };
}

/** Plays one order on a session of its own, and says of it what `foretell` says. */
async function play(observer: Observer, order: readonly Stimulus[]) {
  const subject = await observedSession(observer);
  const { core } = observer;
  const { sessionId } = subject.session;
  const states: Record<string, string | undefined>[] = [];
  for (const stimulus of order) {
    await stimuli[stimulus](subject);
    states.push(await terminalState(core, sessionId));
  }
  const settled = states.filter((state) => state.status !== "pending").map((state) => JSON.stringify(state));
  const events = (await eventsOf(core, sessionId)).map((event) => event.type!);
  return {
    statuses: states.map((state) => state.status),
    changesAfterTheEnd: Math.max(0, new Set(settled).size - 1),
    events: events.filter((type) => terminalTypes.includes(type)),
    messages: await subject.heard(),
  };
}

describe("every order", () => {
  test(`[C4] after the first terminal transition nothing changes, in ${orders.length} orders`, async () => {
    // So many partitions that each outbox is short enough to be read again and again.
    const core = fixture.open({ partitions: 512 });
    const observer = { core, ...core.openStatus() };
    const reached = new Set<string>();
    for (let first = 0; first < orders.length; first += 50) {
      const chunk = orders.slice(first, first + 50);
      const played = await Promise.all(chunk.map((order) => play(observer, order)));
      for (const [index, order] of chunk.entries()) {
        expect(played[index], order.join()).toEqual(foretell(order));
        reached.add(played[index]!.statuses.at(-1)!);
      }
    }
    expect([...reached].sort()).toEqual(["canceled", "confirmed", "denied", "pending", "timeout"]);
  }, 60_000);

  test("[C4] a terminal session has left the set of those that are due", async () => {
    const core = fixture.open();
    for (const stimulus of ["confirm", "deny", "cancel", "ttl", "loopExhausted", "loopCanceled"] as const) {
      const subject: Subject = { core, ...(await claimedSession(core)) };
      await stimuli[stimulus](subject);
      const keys = await core.redis.keys(`${core.keyspace.prefix}:*:due`);
      expect(keys, stimulus).toEqual([]);
    }
  });

  test("[C4] the published message is the state that a reader gets", async () => {
    const core = fixture.open();
    const { status } = core.openStatus();
    const subject: Subject = { core, ...(await claimedSession(core)) };
    const message = Promise.withResolvers<Session | undefined>();
    await status.listen(subject.session.sessionId, message.resolve);
    await stimuli.confirm(subject);
    const read = await core.sessions.read(subject.session.sessionId, "acme");
    expect({ ...(await message.promise), readAtMs: 0 }).toEqual({ ...read, readAtMs: 0 });
  });
});
