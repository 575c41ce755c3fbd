import VoiceResponse from "twilio/lib/twiml/VoiceResponse.js";
import { describe, expect, test } from "vitest";
import { parseTwiml } from "../../sandbox/twiml/parse-twiml.ts";
import { TwimlFault } from "../../sandbox/twiml/twiml.ts";

function faultOf(xml: string): number | undefined {
  try {
    parseTwiml(xml);
    return undefined;
  } catch (error) {
    if (error instanceof TwimlFault) return error.code;
    throw error;
  }
}

describe("[V4] TwiML is read as Twilio documents it", () => {
  test("what twilio's own builder writes is read back whole", () => {
    const response = new VoiceResponse();
    const gather = response.gather({
      numDigits: 1,
      action: "/wait?loop=1&x=2",
      timeout: 7,
      method: "GET",
      finishOnKey: "*",
    });
    const say = gather.say({ voice: "Polly.Joanna-Neural", language: "en-US" }, "Don't worry & listen: ");
    say.sayAs({ "interpret-as": "digits" }, "482913");
    say.break({ time: "500ms" });
    gather.pause({ length: 3 });
    response.play({ loop: 0 }, "https://x.example/a.mp3?b=1&c=2");
    response.redirect({ method: "GET" }, "/prompt?loop=2&y=1");
    response.hangup();
    response.reject({ reason: "busy" });
    const { verbs, warnings } = parseTwiml(response.toString());
    expect(warnings).toEqual([]);
    expect(verbs).toMatchObject([
      {
        verb: "Gather",
        action: "/wait?loop=1&x=2",
        method: "GET",
        timeoutSeconds: 7,
        finishOnKey: "*",
        numDigits: 1,
        actionOnEmptyResult: false,
        prompts: [
          {
            verb: "Say",
            text: "Don't worry & listen: 4 8 2 9 1 3",
            voice: "Polly.Joanna-Neural",
            language: "en-US",
            loop: 1,
          },
          { verb: "Pause", seconds: 3 },
        ],
      },
      { verb: "Play", url: "https://x.example/a.mp3?b=1&c=2", loop: 1000 },
      { verb: "Redirect", url: "/prompt?loop=2&y=1", method: "GET" },
      { verb: "Hangup" },
      { verb: "Reject", reason: "busy" },
    ]);
  });

  test("absent attributes have Twilio's defaults", () => {
    const { verbs } = parseTwiml("<Response><Gather/><Pause/><Redirect/></Response>");
    expect(verbs).toEqual([
      { verb: "Gather", method: "POST", timeoutSeconds: 5, finishOnKey: "#", actionOnEmptyResult: false, prompts: [] },
      { verb: "Pause", seconds: 1 },
      { verb: "Redirect", url: "", method: "POST" },
    ]);
  });

  test("CDATA is text, entities are decoded once", () => {
    const { verbs } = parseTwiml("<Response><Say><![CDATA[a &lt; <b>]]> &amp;lt; &#x41;&#66;</Say></Response>");
    expect(verbs).toMatchObject([{ text: "a &lt; <b> &lt; AB" }]);
  });

  test("speech takes longer when there is more of it, and breaks count", () => {
    const duration = (say: string) => {
      const [verb] = parseTwiml(`<Response><Say>${say}</Say></Response>`).verbs;
      return verb?.verb === "Say" ? verb.durationMs : Number.NaN;
    };
    expect(duration("")).toBe(0);
    expect(duration("Your code is 4 8 2 9 1 3.")).toBeGreaterThan(2500);
    expect(duration("Your code is 4 8 2 9 1 3.")).toBeLessThan(6000);
    expect(duration('one<break time="2s"/>')).toBe(duration("one") + 2000);
    expect(duration('one<break time="99999s"/>')).toBe(duration("one") + 10_000);
    expect(duration('<say-as interpret-as="digits">1234</say-as>')).toBe(duration("1 2 3 4"));
    expect(duration("認証コードは一二三です。")).toBeGreaterThan(1500);
  });

  test.each([
    ["<say>lower case</say>", []],
    ["<Foo/>", []],
    ["stray text", []],
    ["<Say><b>bold</b></Say>", ["Say"]],
    ['<Say colour="red">x</Say>', ["Say"]],
    ['<Pause length="-1"/>', ["Pause"]],
    ['<Pause length="1e9"/>', ["Pause"]],
    ['<Gather numDigits="0"/>', ["Gather"]],
    ['<Gather timeout="soon"/>', ["Gather"]],
    ['<Gather finishOnKey="x"/>', ["Gather"]],
    ['<Gather method="PUT"/>', ["Gather"]],
    ["<Gather><Redirect>/x</Redirect></Gather>", ["Gather"]],
    ["<Play/>", ["Play"]],
    ['<Say loop="-1">x</Say>', ["Say"]],
  ])("[V5] %s is a 12200 warning and the rest is played", (verb, played) => {
    const { verbs, warnings } = parseTwiml(`<Response>${verb}<Hangup/></Response>`);
    expect(warnings).toMatchObject([{ code: 12200 }]);
    expect(verbs.map(({ verb: name }) => name)).toEqual([...played, "Hangup"]);
  });
});

describe("[V6] TwiML that cannot be played has Twilio's error code", () => {
  test.each<[string, string, number]>([
    ["nothing", "", 12100],
    ["white space", "  \n ", 12100],
    ["not XML", "hello", 12100],
    ["JSON", '{"a":1}', 12100],
    ["another root", "<html><body/></html>", 12100],
    ["a root in lower case", "<response/>", 12100],
    ["two roots", "<Response/><Response/>", 12100],
    ["text before the root", "x<Response/>", 12100],
    ["text behind the root", "<Response/>x", 12100],
    ["white space before the declaration", ' <?xml version="1.0"?><Response/>', 12100],
    ["an unclosed element", "<Response><Say>", 12100],
    ["crossed elements", "<Response><Say></Response></Say>", 12100],
    ["an unquoted attribute", "<Response><Pause length=1/></Response>", 12100],
    ["a repeated attribute", '<Response><Pause length="1" length="2"/></Response>', 12100],
    ["a bare ampersand", "<Response><Say>a & b</Say></Response>", 12100],
    ["an undefined entity", "<Response><Say>&nbsp;</Say></Response>", 12100],
    ["an inherited name as an entity", "<Response><Say>&constructor;</Say></Response>", 12100],
    ["a character that is none", "<Response><Say>&#x110000;</Say></Response>", 12100],
    ["character zero", "<Response><Say>&#0;</Say></Response>", 12100],
    ["a document type", "<!DOCTYPE Response><Response/>", 12100],
    ["an entity bomb", '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><Response><Say>&c;</Say></Response>', 12100],
    [
      "an external entity",
      '<!doctype a [<!ENTITY b SYSTEM "file:///etc/passwd">]><Response><Say>&b;</Say></Response>',
      12100,
    ],
    ["__proto__ as an element", "<Response><__proto__/></Response>", 12100],
    ["ten thousand levels", `${"<a>".repeat(9000)}${"</a>".repeat(9000)}`, 12100],
    ["more than 64 kB", `<Response><Say>${"a".repeat(65_536)}</Say></Response>`, 11750],
    ["more than 64 kB of two-byte letters", `<Response><Say>${"é".repeat(33_000)}</Say></Response>`, 11750],
  ])("%s", (_name, attacker, code) => {
    expect(faultOf(attacker)).toBe(code);
  });

  test("names of Object.prototype are unknown verbs and attributes, no more", () => {
    const { verbs, warnings } = parseTwiml(
      '<Response><toString/><hasOwnProperty a="1"/><Say valueOf="x">t</Say></Response>',
    );
    expect(verbs).toMatchObject([{ verb: "Say", text: "t" }]);
    expect(warnings).toHaveLength(3);
    expect(Object.hasOwn(Object.prototype, "a")).toBe(false);
  });

  test("sixty kilobytes of digits are read in well under a second", () => {
    const started = performance.now();
    parseTwiml(`<Response><Say>${"1, ".repeat(20_000)}</Say></Response>`);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
