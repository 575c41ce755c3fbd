import { describe, expect, test } from "vitest";
import { isEntry } from "../../sandbox/ledger/ledger-entry.ts";
import type { VoiceCloud } from "../../sandbox/voice-cloud.ts";
import { ACCOUNT, cloudAndIvr, TO } from "./cloud-fixture.ts";
import { TOKEN, twiml } from "./start-ivr.ts";

const BASIC = `Basic ${Buffer.from(`${ACCOUNT}:${TOKEN}`).toString("base64")}`;
const FORM = "application/x-www-form-urlencoded";

async function onHold() {
  const { cloud, ivr } = await cloudAndIvr({ "/voice": twiml('<Pause length="3600"/>') }, { timeScale: 1 });
  const call = cloud.placeCall({ to: TO, voiceUrl: `${ivr.url}/voice` });
  await cloud.waitFor(isEntry("verb.started", call.sid));
  return { cloud, ivr, call };
}

function post(cloud: VoiceCloud, path: string, body: string, headers: Record<string, string> = {}) {
  return fetch(`${cloud.url}/2010-04-01/Accounts/${path}`, {
    method: "POST",
    headers: { authorization: BASIC, "content-type": FORM, ...headers },
    body,
  });
}

const basic = (pair: string) => `Basic ${Buffer.from(pair).toString("base64")}`;

describe("[V22] the REST API authenticates by HTTP Basic", () => {
  test.each([
    ["nothing", ""],
    ["another scheme", `Bearer ${TOKEN}`],
    ["no colon", basic(ACCOUNT)],
    ["an empty token", basic(`${ACCOUNT}:`)],
    ["a token too short", basic(`${ACCOUNT}:${TOKEN.slice(1)}`)],
    ["a token with more behind it", basic(`${ACCOUNT}:${TOKEN}x`)],
    ["another user", basic(`AC${"9".repeat(32)}:${TOKEN}`)],
    ["an inherited name as the user", basic(`constructor:${TOKEN}`)],
    ["something that is not base64", "Basic %%%"],
    ["kilobytes", `Basic ${"A".repeat(8000)}`],
  ])("%s is 401 with code 20003", async (_name, attacker) => {
    const { cloud, call } = await onHold();
    const response = await post(cloud, `${ACCOUNT}/Calls/${call.sid}.json`, "Status=completed", {
      authorization: attacker,
    });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toMatch(/^Basic /);
    expect(await response.json()).toEqual({
      code: 20003,
      message: "Authenticate",
      more_info: "https://www.twilio.com/docs/errors/20003",
      status: 401,
    });
    expect(call.status).toBe("in-progress");
  });
});

describe("[V24] an update that is wrong changes nothing and has Twilio's code", () => {
  const relative = '<Response><Redirect method="POST">/relative</Redirect></Response>';
  test.each<[string, string, number, number]>([
    ["Url and Twiml together", "Url=http%3A%2F%2Fx.example&Twiml=%3CResponse%2F%3E", 400, 20001],
    ["a relative Url", "Url=%2Fverified", 400, 21205],
    ["a Url that is none", "Url=not+a+url", 400, 21205],
    ["a javascript: Url", "Url=javascript%3Aalert(1)", 400, 21205],
    ["a file: Url", "Url=file%3A%2F%2F%2Fetc%2Fpasswd", 400, 21205],
    ["a Url of 5000 characters", `Url=http%3A%2F%2Fx.example%2F${"a".repeat(5000)}`, 400, 21205],
    ["a bad Method", "Url=http%3A%2F%2Fx.example&Method=DELETE", 400, 21209],
    [
      "a bad FallbackMethod",
      "Url=http%3A%2F%2Fx.example&FallbackUrl=http%3A%2F%2Fx.example&FallbackMethod=PUT",
      400,
      21209,
    ],
    ["a bad FallbackUrl", "Url=http%3A%2F%2Fx.example&FallbackUrl=%2Ff", 400, 21205],
    ["a bad StatusCallback", "Url=http%3A%2F%2Fx.example&StatusCallback=x", 400, 21205],
    [
      "a bad StatusCallbackEvent",
      "Url=http%3A%2F%2Fx.example&StatusCallback=http%3A%2F%2Fx.example&StatusCallbackEvent=every",
      400,
      21626,
    ],
    ["a bad Status", "Status=in-progress", 400, 20001],
    ["too much Twiml", `Twiml=${encodeURIComponent(twiml(`<Say>${"a".repeat(4000)}</Say>`))}`, 400, 32018],
    ["a relative URL in Twiml", `Twiml=${encodeURIComponent(relative)}`, 400, 15004],
    [
      "a relative action in Twiml",
      `Twiml=${encodeURIComponent('<Response><Gather action="x"/></Response>')}`,
      400,
      15004,
    ],
    ["Twiml that is not XML", "Twiml=hello", 400, 12100],
    [
      "an entity bomb in Twiml",
      `Twiml=${encodeURIComponent('<!DOCTYPE a [<!ENTITY b "c">]><Response>&b;</Response>')}`,
      400,
      12100,
    ],
    ["more than 256 kB", `Url=${"a".repeat(300_000)}`, 413, 20001],
    ["a thousand parameters", Array.from({ length: 1000 }, (_, index) => `a${index}=1`).join("&"), 413, 20001],
  ])("%s", async (_name, attacker, httpStatus, code) => {
    const { cloud, call, ivr } = await onHold();
    const response = await post(cloud, `${ACCOUNT}/Calls/${call.sid}.json`, attacker);
    expect(response.status).toBe(httpStatus);
    expect(await response.json()).toEqual({
      code,
      message: expect.any(String),
      more_info: `https://www.twilio.com/docs/errors/${code}`,
      status: httpStatus,
    });
    expect(call.status).toBe("in-progress");
    expect(ivr.visits).toHaveLength(1);
    expect(cloud.ledger.entries.filter(isEntry("rest.answered"))).toMatchObject([
      { httpStatus, code, callSid: call.sid },
    ]);
  });

  test.each([
    ["nothing", ""],
    ["an unknown parameter", "Colour=red"],
    ["__proto__", "__proto__[Url]=http://x.example&constructor=1"],
    ["bytes that are no UTF-8", "Url=%ff%fe%"],
    ["an array of empty Urls", "Url=&Url="],
  ])("%s asks for nothing or is refused, and the call stays", async (_name, attacker) => {
    const { cloud, call } = await onHold();
    const response = await post(cloud, `${ACCOUNT}/Calls/${call.sid}.json`, attacker);
    expect([200, 400]).toContain(response.status);
    expect(call.status).toBe("in-progress");
    expect(cloud.ledger.entries.filter(isEntry("call.updated"))).toEqual([]);
  });

  test("a body of another media type is not read, as if it were empty", async () => {
    const { cloud, call } = await onHold();
    const response = await post(cloud, `${ACCOUNT}/Calls/${call.sid}.json`, '{"Status":"completed"}', {
      "content-type": "application/json",
    });
    expect(response.status).toBe(200);
    expect(call.status).toBe("in-progress");
  });
});

describe("[V22] what is not there is 404 with code 20404", () => {
  test.each([
    `${ACCOUNT}/Calls/CA${"0".repeat(32)}.json`,
    `${ACCOUNT}/Calls/nonsense.json`,
    `${ACCOUNT}/Calls/__proto__.json`,
    `${ACCOUNT}/Calls/..%2F..%2Fetc.json`,
    `${ACCOUNT}/Messages.json`,
    `${ACCOUNT}/Calls`,
    `AC${"9".repeat(32)}/Calls/CA${"0".repeat(32)}.json`,
  ])("%s", async (attacker) => {
    const { cloud } = await cloudAndIvr();
    const response = await post(cloud, attacker, "Status=completed");
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 20404, status: 404 });
  });

  test("nothing is at the root, and a broken path is no server error", async () => {
    const { cloud } = await cloudAndIvr();
    expect((await fetch(`${cloud.url}/`)).status).toBe(404);
    const broken = await post(cloud, `${ACCOUNT}/Calls/%E0%A4%A.json`, "");
    expect(broken.status).toBe(400);
  });
});

describe("[V23] creating a call asks for what Twilio asks for", () => {
  test.each([
    ["no To", "From=%2B1415&Url=http%3A%2F%2Fx.example", 21201],
    ["no From", "To=%2B1800&Url=http%3A%2F%2Fx.example", 21213],
    ["no Url", "To=%2B1800&From=%2B1415", 21205],
    ["a bad Url", "To=%2B1800&From=%2B1415&Url=x", 21205],
  ])("%s", async (_name, attacker, code) => {
    const { cloud } = await cloudAndIvr();
    const response = await post(cloud, `${ACCOUNT}/Calls.json`, attacker);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code });
    expect(cloud.calls).toEqual([]);
  });
});
