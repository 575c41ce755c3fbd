import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { readSpokenCode, type TranscriptLine } from "../../sandbox/calls/transcript.ts";
import { Ledger } from "../../sandbox/ledger/ledger.ts";
import { isEntry, type LedgerEvent } from "../../sandbox/ledger/ledger-entry.ts";
import { redactUrl } from "../../sandbox/ledger/redact-url.ts";
import { readArguments } from "../../sandbox/read-arguments.ts";
import { startVoiceCloud } from "../../sandbox/voice-cloud.ts";
import { cloudAndIvr, TO } from "./cloud-fixture.ts";
import { twiml } from "./start-ivr.ts";

describe("[V50] opening and closing", () => {
  test("the default account is random and well-formed", async () => {
    const cloud = await startVoiceCloud();
    expect(cloud.accounts).toMatchObject([
      { accountSid: expect.stringMatching(/^AC[0-9a-f]{32}$/), authToken: expect.stringMatching(/^[0-9a-f]{32}$/) },
    ]);
    expect(cloud.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    await cloud.close();
  });

  test("close hangs up, gives up webhooks that nobody answers, and may be called again", async () => {
    const { cloud, ivr } = await cloudAndIvr({
      "/held": () => new Promise(() => undefined),
      "/voice": twiml('<Pause length="3600"/>'),
    });
    const held = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/held` });
    const playing = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice`, statusCallback: `${ivr.url}/status` });
    await ivr.visited("/held");
    await cloud.waitFor(isEntry("verb.started", playing.sid));
    await Promise.all([cloud.close(), cloud.close()]);
    expect(await held.ended).toMatchObject({ reason: "cloud_closed" });
    expect(await playing.ended).toMatchObject({ reason: "cloud_closed" });
    await expect(fetch(cloud.url)).rejects.toThrow();
    expect(() => cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` })).toThrow(
      expect.objectContaining({ code: "closed" }),
    );
    expect(ivr.visits.filter(({ path }) => path === "/status")).toEqual([]);
  });

  test("a port that is taken is an error of the start", async () => {
    const { cloud } = await cloudAndIvr();
    await expect(startVoiceCloud({ port: Number(new URL(cloud.url).port) })).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("%d is no time scale", async (attacker) => {
    await expect(startVoiceCloud({ timeScale: attacker })).rejects.toThrow(RangeError);
  });

  test("one call is one object, wherever it is asked for", async () => {
    const { cloud, ivr } = await cloudAndIvr({ "/voice": twiml("<Hangup/>") });
    const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` });
    expect(cloud.call(call.sid)).toBe(call);
    expect(cloud.calls).toEqual([call]);
    expect(cloud.call("CA0")).toBeUndefined();
    await call.ended;
  });

  test("two hundred calls at once are all played", async () => {
    const { cloud, ivr } = await cloudAndIvr({ "/voice": twiml('<Say>Hello.</Say><Pause length="3"/><Hangup/>') });
    const calls = Array.from({ length: 200 }, () => cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` }));
    const ends = await Promise.all(calls.map(({ ended }) => ended));
    expect(new Set(ends.map(({ reason }) => reason))).toEqual(new Set(["hangup_verb"]));
    expect(new Set(calls.map(({ sid }) => sid)).size).toBe(200);
  });
});

describe("[V51] the ledger", () => {
  const visit: LedgerEvent = { type: "ivr.visited", page: "verified", parameters: [] };

  test("waitFor answers with what already happened, what is to come, or why not", async () => {
    const ledger = new Ledger();
    const first = ledger.append({ ...visit, sid: "a" });
    expect(await ledger.waitFor(isEntry("ivr.visited"))).toBe(first);
    const next = ledger.waitFor(isEntry("ivr.visited"), { afterSeq: first.seq });
    ledger.append({ ...visit, sid: "b" });
    expect(await next).toMatchObject({ sid: "b", seq: 2 });
    await expect(ledger.waitFor(isEntry("call.ended"), { timeoutMs: 20, reason: "end" })).rejects.toMatchObject({
      code: "wait_timeout",
      message: "no end within 20 ms; last entries: ivr.visited, ivr.visited",
    });
  });

  test("a listener hears every entry until it stops", () => {
    const ledger = new Ledger();
    const heard: number[] = [];
    const stop = ledger.onEntry(({ seq }) => heard.push(seq));
    ledger.append(visit);
    ledger.append(visit);
    stop();
    ledger.append(visit);
    expect(heard).toEqual([1, 2]);
  });

  test("entries cannot be changed, and the oldest go when there are too many", () => {
    const ledger = new Ledger(10);
    const entries = Array.from({ length: 25 }, () => ledger.append(visit));
    expect(Object.isFrozen(entries[0])).toBe(true);
    expect(ledger.entries.length).toBeLessThanOrEqual(10);
    expect(ledger.entries.at(-1)?.seq).toBe(25);
    expect(ledger.after(24).map(({ seq }) => seq)).toEqual([25]);
    expect(ledger.after(0)[0]?.seq).toBeGreaterThan(10);
  });

  test.each([
    ["https://x.example/?receipt=abc", "https://x.example/?receipt=…"],
    ["https://x.example/?a=1&RECEIPT=abc.d-e_f&b=2#f", "https://x.example/?a=1&RECEIPT=…&b=2#f"],
    ["https://u:p@x.example/?receipt=", "https://u:…@x.example/?receipt=…"],
    ["https://x.example/a:b@c", "https://x.example/a:b@c"],
  ])("%s is kept as %s", (attacker, kept) => {
    expect(redactUrl(attacker)).toBe(kept);
  });
});

describe("[V8] the spoken code", () => {
  const say = (text: string): TranscriptLine => ({
    kind: "say",
    text,
    durationMs: 0,
    monotonicMs: 0,
    time: "",
    cutShort: false,
  });

  test.each([
    ["Your verification code is 4 8 2 9 1 3.", "482913"],
    ["Your code is 4, 8, 2, 9, 1, 3. Press 1 when done.", "482913"],
    ["Ihr Code lautet 4. 8. 2. 9. 1. 3.", "482913"],
    ["認証コードは 4、8、2、9、1、3、0、5 です。", "48291305"],
    ["Code 482913, thank you", "482913"],
    ["Press 1 when done, or 0 to cancel.", undefined],
    ["Call 1 2 3 now", undefined],
    ["", undefined],
  ])("in %j is %s", (text, code) => {
    expect(readSpokenCode([say(text)])).toBe(code);
  });

  test("is the last one that was read", () => {
    expect(readSpokenCode([say("Code 1 1 1 1 1 1"), say("Code 2 2 2 2 2 2"), say("Press 1")])).toBe("222222");
  });

  test("a long text of digits is searched quickly", () => {
    const started = performance.now();
    readSpokenCode([say("1 ".repeat(30_000)), say("1".repeat(60_000))]);
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe("[V52] the command line", () => {
  const START = ["sandbox/main.ts", "--port", "0", "--time-scale", "0.01"];

  test.each(["SIGTERM", "SIGINT"] as const)(
    "runs alone, outlives its reader, plays a call and ends with code 0 on %s",
    async (signal) => {
      const { ivr } = await cloudAndIvr({ "/voice": twiml("<Say>Hello.</Say>") });
      const child = spawn(process.execPath, START, { stdio: ["ignore", "pipe", "inherit"] });
      const exited = once(child, "exit");
      let output = "";
      for await (const chunk of child.stdout) {
        output += chunk;
        // Leaving the loop closes the pipe, as `| head` does.
        if (output.includes("-X DELETE")) break;
      }
      const url = /ready: (\S+)/.exec(output)?.[1];
      expect(output).toMatch(/account SID {2}AC[0-9a-f]{32}\n {2}auth token {3}[0-9a-f]{32}/);
      const placed = await fetch(`${url}/sandbox/calls`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ to: TO, voiceUrl: `${ivr.url}/voice` }),
      });
      expect(placed.status).toBe(201);
      await ivr.visited("/voice");
      child.kill(signal);
      expect(await exited).toEqual([0, null]);
    },
  );

  test("--help explains and a mistake ends with code 2", async () => {
    const run = async (...args: string[]) => {
      const child = spawn(process.execPath, ["sandbox/main.ts", ...args], { stdio: ["ignore", "pipe", "pipe"] });
      const [[code], out, err] = await Promise.all([once(child, "close"), text(child.stdout), text(child.stderr)]);
      return { code, text: out + err };
    };
    expect(await run("--help")).toMatchObject({ code: 0, text: expect.stringContaining("--time-scale") });
    expect(await run("--port", "x")).toMatchObject({ code: 2, text: expect.stringContaining("--port takes") });
  });

  test.each([
    [["--port", "65536"]],
    [["--port", "-1"]],
    [["--port", ""]],
    [["--time-scale", "0"]],
    [["--time-scale", ""]],
    [["--time-scale", "fast"]],
    [["--account-sid", `AC${"0".repeat(32)}`]],
    [["--account-sid", "AC1", "--auth-token", "12345678"]],
    [["--account-sid", `AC${"0".repeat(32)}`, "--auth-token", "short"]],
    [["--colour", "red"]],
    [["stray"]],
  ])("%j is an error that says why", (attacker) => {
    expect(readArguments(attacker)).toEqual({ kind: "error", error: expect.stringMatching(/.{10}/) });
  });

  test("the defaults are port 4600 on loopback in real time", () => {
    expect(readArguments([])).toEqual({
      kind: "run",
      options: { port: 4600, host: "127.0.0.1", timeScale: 1, fetchInterruptedVerb: false },
    });
  });
});
