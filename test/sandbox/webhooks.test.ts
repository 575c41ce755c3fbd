import { describe, expect, test } from "vitest";
import { isEntry } from "../../sandbox/ledger/ledger-entry.ts";
import { readConnectionOverrides } from "../../sandbox/webhooks/connection-overrides.ts";
import { freePort } from "../support/free-port.ts";
import { cloudAndIvr, TO, timeScale } from "./cloud-fixture.ts";
import { type Page, twiml } from "./start-ivr.ts";

const DONE = twiml("<Hangup/>");
/** A label longer than the 63 bytes of RFC 1035: refused on this machine, without asking a name server that may be slow. */
const noHost = `${"a".repeat(64)}.invalid`;

function answering(httpStatus: number, headers: Record<string, string> = {}, body = ""): Page {
  return (_visit, _request, response) => {
    response.writeHead(httpStatus, headers).end(body);
    return undefined;
  };
}

/** Plays one call to its end and returns what the ledger says of it. */
async function playCall(pages: Record<string, Page>, request: { fragment?: string; fallback?: string } = {}) {
  const { cloud, ivr } = await cloudAndIvr(pages);
  const call = cloud.placeCall({
    to: TO,
    voiceUrl: `${ivr.url}/voice${request.fragment ?? ""}`,
    ...(request.fallback ? { fallbackUrl: `${ivr.url}${request.fallback}` } : {}),
  });
  const end = await call.ended;
  const errors = cloud.ledger.entries.filter(isEntry("call.error")).map(({ code }) => code);
  const failures = cloud.ledger.entries.filter(isEntry("webhook.failed"));
  return { cloud, ivr, call, end, errors, failures };
}

describe("[V11] a webhook that fails ends the call with an application error", () => {
  test.each<[string, Page, number]>([
    ["404", answering(404), 11200],
    ["429", answering(429, { "retry-after": "1" }), 11200],
    ["500", answering(500), 11200],
    ["503", answering(503), 11200],
    ["304", answering(304), 11200],
    ["a redirect that leads nowhere", answering(302), 11200],
    ["a redirect in circles", answering(302, { location: "/voice" }), 11215],
    ["no content type", answering(200, {}, DONE), 12300],
    ["JSON", answering(200, { "content-type": "application/json" }, "{}"), 12300],
    ["bad XML", twiml("<Say>"), 12100],
    ["an empty body", "", 12100],
    ["a body above 64 kB", twiml(`<Say>${"x".repeat(70_000)}</Say>`), 11750],
    ["an endless body", (_visit, _request, response) => void endless(response), 11750],
    ["a Redirect to no URL", twiml("<Redirect>http://</Redirect>"), 11100],
    ["a Redirect to another protocol", twiml("<Redirect>ftp://x.example/</Redirect>"), 11100],
    ["a broken connection", (_visit, request) => void request.socket.destroy(), 11205],
    ["something that is not HTTP", (_visit, request) => void request.socket.end("garbage\r\n\r\n"), 11206],
  ])("%s", async (_name, attacker, code) => {
    const { end, errors, call } = await playCall({ "/voice": attacker });
    expect(errors).toEqual([code]);
    expect(end.reason).toBe("application_error");
    expect(call.transcript.at(-1)?.text).toMatch(/application error/);
  });

  test("a host that does not exist is 11210", async () => {
    const { cloud } = await cloudAndIvr();
    await cloud.placeCall({ to: TO, voiceUrl: `http://${noHost}/voice` }).ended;
    expect(cloud.ledger.entries.find(isEntry("call.error"))?.code).toBe(11210);
  });

  test("a never-answered call has failed, an answered one completed", async () => {
    expect((await playCall({ "/voice": answering(500) })).end.status).toBe("failed");
    expect((await playCall({ "/voice": twiml("<Redirect>/gone</Redirect>") })).end.status).toBe("completed");
  });
});

function endless(response: import("node:http").ServerResponse): void {
  response.writeHead(200, { "content-type": "text/xml" });
  const more = () => {
    while (!response.destroyed && response.write("x".repeat(16_384)));
  };
  response.on("drain", more);
  more();
}

describe("[V12] retries and time limits", () => {
  test("a connection failure is retried once, with the same idempotency token", async () => {
    const { cloud } = await cloudAndIvr();
    await cloud.placeCall({ to: TO, voiceUrl: `http://127.0.0.1:${await freePort()}/voice` }).ended;
    const sent = cloud.ledger.entries.filter(isEntry("webhook.sent"));
    expect(sent.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(new Set(sent.map(({ idempotencyToken }) => idempotencyToken)).size).toBe(1);
    expect(cloud.ledger.entries.filter(isEntry("call.error"))).toMatchObject([{ code: 11205 }]);
  });

  test("an error status is not retried unless the fragment asks for it", async () => {
    expect((await playCall({ "/voice": answering(500) })).ivr.visits).toHaveLength(1);
    const { ivr } = await playCall({ "/voice": answering(503) }, { fragment: "#rc=3&rp=5xx" });
    expect(ivr.visits).toHaveLength(4);
    expect(new Set(ivr.visits.map(({ headers }) => headers["i-twilio-idempotency-token"])).size).toBe(1);
    expect(ivr.visits.every(({ signatureValid }) => signatureValid)).toBe(true);
    expect((await playCall({ "/voice": answering(404) }, { fragment: "#rc=3&rp=5xx" })).ivr.visits).toHaveLength(1);
    expect((await playCall({ "/voice": answering(404) }, { fragment: "#rc=1&rp=all" })).ivr.visits).toHaveLength(2);
  });

  test("a retry that succeeds goes on with the call", async () => {
    let tries = 0;
    const flaky: Page = (visit, request, response) => {
      tries += 1;
      return tries === 1 ? (answering(502) as Exclude<Page, string>)(visit, request, response) : DONE;
    };
    const { end } = await playCall({ "/voice": flaky }, { fragment: "#rp=5xx" });
    expect(end.reason).toBe("hangup_verb");
  });

  test.each(["#tt=150", "#rt=150"])("an answer that comes too late for %s is 11205", async (fragment) => {
    const never: Page = () => new Promise(() => undefined);
    const { errors, failures, end } = await playCall({ "/voice": never }, { fragment });
    expect(errors).toEqual([11205]);
    expect(failures).toHaveLength(1);
    expect(failures[0]?.elapsedMs).toBeGreaterThan(140);
    expect(failures[0]?.elapsedMs).toBeLessThan(2000);
    expect(end.reason).toBe("application_error");
  });

  test("a total limit holds for a body that trickles, and for all tries together", async () => {
    const trickle: Page = (_visit, _request, response) => {
      response.writeHead(200, { "content-type": "text/xml" });
      const timer = setInterval(() => response.write(" "), 20);
      response.on("close", () => clearInterval(timer));
      return undefined;
    };
    const { failures } = await playCall({ "/voice": trickle }, { fragment: "#tt=2000&rt=1500&rc=5&rp=all" });
    expect(failures).toHaveLength(1);
    expect(failures[0]?.message).toContain("total");
  });

  test("without a fragment the limits are 5 s, 15 s and 15 s, and one retry", () => {
    expect(readConnectionOverrides("https://gw.example/voice?a=1")).toEqual({
      url: "https://gw.example/voice?a=1",
      settings: { connectMs: 5000, readMs: 15_000, totalMs: 15_000, retries: 1, retryOn: new Set(["ct"]) },
    });
  });

  test.each([
    ["#ct=99&rt=15001&tt=0&rc=6&rp=", {}],
    ["#ct=abc&rt=-1&tt=1e3&rc=1.5&rp=3xx", {}],
    [
      "#ct=100&rt=100&tt=100&rc=0&rp=all",
      { connectMs: 100, readMs: 100, totalMs: 100, retries: 0, retryOn: new Set(["all"]) },
    ],
    ["#rp=4xx,5xx,rt,nonsense&e=dublin&sni=y", { retryOn: new Set(["4xx", "5xx", "rt"]) }],
    ["#", {}],
    ["#__proto__=1&rc=2#rc=5", { retries: 2 }],
  ])("the fragment %s is read within Twilio's ranges", (attacker, expected) => {
    const defaults = readConnectionOverrides("https://gw.example/");
    const { url, settings } = readConnectionOverrides(`https://gw.example/${attacker}`);
    expect(url).toBe("https://gw.example/");
    expect(settings).toEqual({ ...defaults.settings, ...expected });
  });
});

describe("[V13] what a webhook carries", () => {
  test("user info in the URL becomes Basic credentials", async () => {
    const { cloud, ivr } = await cloudAndIvr({ "/voice": DONE });
    const voiceUrl = `${ivr.url.replace("://", "://us%40er:p%3Ass@")}/voice`;
    expect((await cloud.placeCall({ to: TO, voiceUrl }).ended).reason).toBe("hangup_verb");
    expect(ivr.visits[0]?.headers["authorization"]).toBe(`Basic ${Buffer.from("us@er:p:ss").toString("base64")}`);
    expect(JSON.stringify(cloud.ledger.entries)).not.toContain("p%3Ass");
  });

  test("a GET carries the parameters in its query and signs the URL alone", async () => {
    const { cloud, ivr } = await cloudAndIvr({ "/voice": DONE });
    await cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice?a=it's`, voiceMethod: "GET" }).ended;
    expect(ivr.visits[0]).toMatchObject({
      method: "GET",
      query: { a: "it's", To: TO },
      form: {},
      signatureValid: true,
    });
  });

  test.each([
    [302, "GET"],
    [307, "POST"],
  ])("a %i is followed by %s, signed anew", async (httpStatus, method) => {
    const { ivr, end } = await playCall({
      "/voice": answering(httpStatus, { location: "/other?b=2" }),
      "/other": DONE,
    });
    expect(end.reason).toBe("hangup_verb");
    expect(ivr.visits[1]).toMatchObject({ path: "/other", method, query: { b: "2" }, signatureValid: true });
  });

  test("plain text is spoken and audio is played", async () => {
    const plain = await playCall({ "/voice": answering(200, { "content-type": "text/plain" }, "Tom & Jerry <3") });
    expect(plain.call.transcript).toMatchObject([{ kind: "say", text: "Tom Jerry 3" }]);
    const audio = await playCall({ "/voice": answering(200, { "content-type": "audio/mpeg" }, "ID3") });
    expect(audio.call.transcript).toMatchObject([{ kind: "play" }]);
  });

  test("the ledger never holds a receipt", async () => {
    const { cloud } = await playCall({
      "/voice": twiml("<Redirect>/next?sid=csn_1&amp;receipt=eyJhbGciOi.secret.part&amp;x=1</Redirect>"),
      "/next": twiml("<Play>/a.mp3?receipt=eyJhbGciOi.secret.part</Play>"),
    });
    const text = JSON.stringify([cloud.ledger.entries, cloud.calls.map(({ transcript }) => transcript)]);
    expect(text).toContain("receipt=…&x=1");
    expect(text).not.toContain("secret.part");
  });
});

describe("[V14] the fallback URL", () => {
  test.each<[string, Page, string]>([
    ["an error status", answering(500), "11200"],
    ["bad XML", "<Response>", "12100"],
    ["a bad Redirect", twiml("<Redirect>http://</Redirect>"), "11100"],
  ])("is asked after %s with ErrorCode and ErrorUrl, and its document is played", async (_name, broken, code) => {
    const { ivr, end, errors } = await playCall(
      { "/voice": broken, "/fallback": twiml("<Say>An agent will help.</Say>") },
      { fallback: "/fallback" },
    );
    expect(ivr.visits[1]).toMatchObject({
      path: "/fallback",
      form: { ErrorCode: code, ErrorUrl: `${ivr.url}/voice` },
      signatureValid: true,
    });
    expect(errors).toEqual([Number(code)]);
    expect(end.reason).toBe("document_finished");
  });

  test("that fails too ends the call", async () => {
    const { ivr, end, errors } = await playCall(
      { "/voice": answering(500), "/fallback": answering(503) },
      { fallback: "/fallback" },
    );
    expect(ivr.visits).toHaveLength(2);
    expect(errors).toEqual([11200, 11200]);
    expect(end.reason).toBe("application_error");
  });
});

describe("[V15] status callbacks", () => {
  test("an inbound call posts `completed` once, signed, whatever the callback answers", async () => {
    const { cloud, ivr } = await cloudAndIvr({ "/voice": twiml('<Pause length="5"/>'), "/status": answering(500) });
    const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice`, statusCallback: `${ivr.url}/status` });
    const { durationMs } = await call.ended;
    await cloud.waitFor(isEntry("webhook.failed", call.sid));
    const statuses = ivr.visits.filter(({ path }) => path === "/status");
    expect(Number(statuses[0]!.form["CallDuration"])).toBeGreaterThanOrEqual(5);
    expect(statuses).toMatchObject([
      {
        form: {
          CallSid: call.sid,
          CallStatus: "completed",
          CallDuration: String(Math.round(durationMs / timeScale / 1000)),
          Duration: "1",
          CallbackSource: "call-progress-events",
        },
        signatureValid: true,
      },
    ]);
  });

  test("a hang-up while it still rings is reported as no-answer", async () => {
    const { cloud, ivr } = await cloudAndIvr({ "/voice": () => new Promise(() => undefined), "/status": "" });
    const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice`, statusCallback: `${ivr.url}/status` });
    await ivr.visited("/voice");
    call.hangUp();
    expect(await call.ended).toMatchObject({ status: "no-answer", durationMs: 0 });
    expect(await ivr.visited("/status")).toMatchObject({ form: { CallStatus: "no-answer", CallDuration: "0" } });
  });
});
