import { describe, expect, test } from "vitest";
import { isTerminal, type Session } from "../../core/verification/session.ts";
import type { Core } from "../support/open-core.ts";
import { startRedisProxy } from "../support/start-redis-proxy.ts";
import { useCore } from "../support/use-core.ts";
import { claimedSession, newSession } from "../support/verified-call.ts";
import { waitFor } from "../support/wait-for.ts";

const fixture = useCore();

type Status = ReturnType<Core["openStatus"]>["status"];

/** Subscribe, live, read once, then wait, without a deadline: what is missed hangs the test. */
async function untilTerminal(core: Core, status: Status, sessionId: string): Promise<{ by: "reading" | "message" }> {
  let woken = Promise.withResolvers<Session | undefined>();
  const leave = await status.listen(sessionId, (message) => woken.resolve(message));
  try {
    const before = await core.sessions.read(sessionId, undefined);
    if (before && isTerminal(before.status)) return { by: "reading" };
    for (;;) {
      const message = await woken.promise;
      woken = Promise.withResolvers();
      const session = message ?? (await core.sessions.read(sessionId, undefined));
      if (session?.status === "confirmed") return { by: "message" };
    }
  } finally {
    leave();
  }
}

/** Lets the event loop turn: an awaited microtask or an immediate, so that races meet at different points. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

async function killClients(name: string): Promise<number> {
  const lines = (await fixture.clients()).filter((line) => line.includes(`name=${name}`));
  const ids = lines.map((line) => /^id=(\d+)/.exec(line)![1]!);
  for (const id of ids) await fixture.admin.client("KILL", "ID", id);
  return ids.length;
}

describe("waiting", () => {
  test("[C17] a confirmation a moment before, during or after the listening and the reading is never missed", async () => {
    const confirming = fixture.open();
    const waiting = fixture.open({ prefix: confirming.keyspace.prefix });
    const { status } = waiting.openStatus();
    const learnt = { reading: 0, message: 0 };
    for (let batch = 0; batch < 80; batch += 1) {
      await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const { session, proof } = await claimedSession(confirming);
          const wait = async () => {
            await turns(index % 7);
            return await untilTerminal(waiting, status, session.sessionId);
          };
          const confirm = async () => {
            await turns((batch + index) % 11);
            return await confirming.sessions.decide(proof);
          };
          const [waited, decided] = await Promise.all([wait(), confirm()]);
          expect(decided.outcome).toBe("confirmed");
          learnt[waited.by] += 1;
        }),
      );
    }
    // Both ways to learn of it were met often, so the gap between them was too.
    expect(learnt.reading + learnt.message).toBe(4000);
    expect(Math.min(learnt.reading, learnt.message)).toBeGreaterThan(200);
    expect(status.size).toBe(0);
  }, 60_000);

  test("[C18] two thousand listeners on 700 sessions hold one connection and one subscription a session", async () => {
    const core = fixture.open();
    const { status } = core.openStatus();
    const sessions = await Promise.all(
      Array.from({ length: 700 }, async () => (await core.sessions.create(newSession())).session),
    );
    let heard = 0;
    const leaves = await Promise.all(
      Array.from({ length: 2000 }, (_, index) =>
        status.listen(sessions[index % 700]!.sessionId, (message) => {
          expect(message?.status).toBe("canceled");
          heard += 1;
        }),
      ),
    );
    expect(status.size).toBe(700);
    const names = (await fixture.clients()).map((line) => / name=(\S*)/.exec(line)![1]);
    expect(names.sort()).toEqual(["callseal:commands", "callseal:subscriber"]);
    expect(await fixture.admin.pubsub("CHANNELS")).toHaveLength(700);
    await Promise.all(sessions.map(({ sessionId }) => core.sessions.cancel(sessionId, "acme", "corr")));
    await waitFor("every listener hears its session", () => heard === 2000);
    for (const leave of leaves) leave();
    expect(status.size).toBe(0);
    await waitFor(
      "the channels are left",
      async () => ((await fixture.admin.pubsub("CHANNELS")) as string[]).length === 0,
    );
  });

  test("[C18] a listener that has left hears nothing, and the others of its session still do", async () => {
    const core = fixture.open();
    const { status } = core.openStatus();
    const { session } = await core.sessions.create(newSession());
    const heard: string[] = [];
    const leave = await status.listen(session.sessionId, () => heard.push("left"));
    const stays = Promise.withResolvers<void>();
    const leaveStays = await status.listen(session.sessionId, () => {
      heard.push("stays");
      stays.resolve();
    });
    leave();
    leave();
    await core.sessions.cancel(session.sessionId, "acme", "corr");
    await stays.promise;
    expect(heard).toEqual(["stays"]);
    leaveStays();
    expect(status.size).toBe(0);
  });

  test("[C18] a session that is left and listened to again at once is still heard", async () => {
    const core = fixture.open();
    const { status } = core.openStatus();
    for (let time = 0; time < 200; time += 1) {
      const { session } = await core.sessions.create(newSession());
      const message = Promise.withResolvers<Session | undefined>();
      const [leave] = await Promise.all([
        status.listen(session.sessionId, () => undefined),
        status.listen(session.sessionId, () => undefined).then((other) => other()),
      ]);
      leave();
      const listening = status.listen(session.sessionId, message.resolve);
      const leaveAgain = await listening;
      await core.sessions.cancel(session.sessionId, "acme", "corr");
      expect((await message.promise)?.status).toBe("canceled");
      leaveAgain();
    }
  });
});

describe("a subscriber that lost its connection", () => {
  test("[C19] tells every listener to read again, and hears what comes then", async () => {
    const core = fixture.open();
    const { status } = core.openStatus();
    const sessions = await Promise.all(
      Array.from({ length: 20 }, async () => (await core.sessions.create(newSession())).session),
    );
    const heard = new Map(sessions.map(({ sessionId }) => [sessionId, [] as (string | undefined)[]]));
    for (const { sessionId } of sessions)
      await status.listen(sessionId, (message) => heard.get(sessionId)!.push(message?.status));
    expect(await killClients("callseal:subscriber")).toBe(1);
    await waitFor("every listener is told to read again", () => [...heard.values()].every((list) => list.length > 0));
    expect([...heard.values()].flat().every((message) => message === undefined)).toBe(true);
    await Promise.all(sessions.map(({ sessionId }) => core.sessions.cancel(sessionId, "acme", "corr")));
    await waitFor("every listener hears its session", () =>
      [...heard.values()].every((list) => list.at(-1) === "canceled"),
    );
  });

  test("[C19] is live again before it says so: what is published after the reading would be lost otherwise", async () => {
    const core = fixture.open();
    const proxy = await startRedisProxy(fixture.url);
    fixture.closeAfter(() => proxy.close());
    const { status } = fixture.open({ prefix: core.keyspace.prefix, url: proxy.url }).openStatus();
    const { session } = await core.sessions.create(newSession());
    const heard: (Session | undefined)[] = [];
    await status.listen(session.sessionId, (message) => heard.push(message));
    await waitFor("the first connection has settled", () => status.ready);
    heard.length = 0;

    // The command, not the name of the connection.
    proxy.holdFrom(/\r\nsubscribe\r\n/i);
    proxy.drop();
    await waitFor("the subscription is on its way again", () => proxy.held > 0);
    expect(proxy.cuts).toBeGreaterThan(0);
    await turns(20);
    expect(heard, "told to read while the channel is not live").toEqual([]);
    await core.sessions.cancel(session.sessionId, "acme", "corr");
    proxy.release();
    await waitFor("the listener is told to read", () => heard.length > 0);
    expect(heard).toEqual([undefined]);
  });

  test("[C19] a confirmation while it is away is not missed", async () => {
    const core = fixture.open();
    const { status } = core.openStatus();
    for (let time = 0; time < 40; time += 1) {
      const { session, proof } = await claimedSession(core);
      const waiting = untilTerminal(core, status, session.sessionId);
      await turns(time % 9);
      await Promise.all([killClients("callseal:subscriber"), core.sessions.decide(proof)]);
      await waiting;
    }
  });

  test("[C19] a listener that comes while Redis is away is live when it is back", async () => {
    const core = fixture.open();
    const { status, subscriber } = core.openStatus();
    await waitFor("the subscriber is connected", () => subscriber.status === "ready");
    await killClients("callseal:subscriber");
    await waitFor("the subscriber noticed", () => subscriber.status !== "ready");
    const { session } = await core.sessions.create(newSession());
    const canceled = Promise.withResolvers<void>();
    await status.listen(session.sessionId, (message) => message && canceled.resolve());
    await core.sessions.cancel(session.sessionId, "acme", "corr");
    await canceled.promise;
  });

  test("[C19] a listener whose connection is closed for good is refused and holds nothing", async () => {
    const core = fixture.open();
    const { status } = core.openStatus();
    const { session } = await core.sessions.create(newSession());
    await core.close();
    await expect(status.listen(session.sessionId, () => undefined)).rejects.toThrow();
    expect(status.size).toBe(0);
  });
});
