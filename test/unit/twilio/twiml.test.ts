import fc from "fast-check";
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { describe, expect, test } from "vitest";
import { type Locale, locales } from "../../../core/language/locale.ts";
import { promptsFor } from "../../../core/language/prompts.ts";
import { spacedDigits } from "../../../core/language/spoken-digits.ts";
import { requireAbsoluteUrl } from "../../../server/twilio/twiml/absolute-url.ts";
import { type FailureReason, renderFailure } from "../../../server/twilio/twiml/render-failure.ts";
import { type PromptInput, renderPrompt } from "../../../server/twilio/twiml/render-prompt.ts";
import { renderRedirect } from "../../../server/twilio/twiml/render-redirect.ts";
import { renderUnavailable } from "../../../server/twilio/twiml/render-unavailable.ts";
import { renderVerified } from "../../../server/twilio/twiml/render-verified.ts";

const waitUrl = "https://gw.example/ivr/verify/wait?loop=1&sid=csn_abc_1";
const did = fc.stringMatching(/^[0-9]{6,10}$/);
const locale = fc.constantFrom(...locales);

interface Element {
  name: string;
  attributes: Record<string, string>;
  children: (Element | string)[];
}

/** The document as a tree: what Twilio reads, not how the library spells it. */
function read(twiml: string): Element {
  expect(XMLValidator.validate(twiml)).toBe(true);
  const parser = new XMLParser({
    preserveOrder: true,
    ignoreAttributes: false,
    attributeNamePrefix: "",
    parseTagValue: false,
    trimValues: false,
  });
  const [root] = (parser.parse(twiml) as Record<string, unknown>[]).filter((node) => !("?xml" in node)).map(toElement);
  return root as Element;
}

function toElement(node: Record<string, unknown>): Element | string {
  if ("#text" in node) return String(node["#text"]);
  const name = Object.keys(node).find((key) => key !== ":@") as string;
  return {
    name,
    attributes: (node[":@"] ?? {}) as Record<string, string>,
    children: (node[name] as Record<string, unknown>[]).map(toElement),
  };
}

const elements = (parent: Element) => parent.children.filter((child) => typeof child !== "string");
const names = (parent: Element) => elements(parent).map((child) => child.name);
const textOf = (element: Element): string =>
  element.children.map((child) => (typeof child === "string" ? child : textOf(child))).join("");
const said = (parent: Element) =>
  elements(parent)
    .filter((child) => child.name === "Say")
    .map(textOf);
const deep = (element: Element, name: string): Element[] =>
  elements(element).flatMap((child) => [...(child.name === name ? [child] : []), ...deep(child, name)]);

const prompt = (input: Partial<PromptInput> = {}) =>
  read(renderPrompt({ locale: "en-US", did: "012345", waitUrl, ...input }));

describe("the prompt", () => {
  test("[T43] a caller hears the code twice, then what to do, with the Gather open from the first word", () => {
    const response = prompt();
    expect(names(response)).toEqual(["Gather", "Redirect"]);
    const [gather, redirect] = elements(response) as [Element, Element];
    expect(gather.attributes).toEqual({ input: "dtmf", numDigits: "1", timeout: "5", action: waitUrl, method: "POST" });
    expect(names(gather)).toEqual(["Say", "Pause", "Say", "Say"]);
    expect(said(gather)).toEqual([
      "Your verification code is 012345.",
      "Once more, your code is 012345.",
      "Open the app and enter the code. Press 1 when done, or 0 to cancel.",
    ]);
    expect(redirect.attributes).toEqual({ method: "POST" });
    expect(textOf(redirect)).toBe(waitUrl);
  });

  test("[T43] a caller who has heard it before hears it once", () => {
    const [gather] = elements(prompt({ heard: 2 })) as [Element];
    expect(names(gather)).toEqual(["Say", "Say"]);
    expect(said(gather)[0]).toBe("Once more, your code is 012345.");
  });

  test.each(locales)("[T44] %s is spoken by its own voice, the code as SSML digits", (spoken) => {
    const response = prompt({ locale: spoken });
    for (const say of deep(response, "Say")) {
      expect(say.attributes["language"]).toBe(spoken);
      expect(say.attributes["voice"]).toMatch(/^Polly\./);
    }
    const digits = deep(response, "say-as");
    expect(digits.map(textOf)).toEqual(["012345", "012345"]);
    for (const element of digits) expect(element.attributes).toEqual({ "interpret-as": "digits" });
    expect(said(elements(response)[0] as Element).at(-1)).toBe(promptsFor(spoken).loop);
  });

  test("[T44] a long code has a pause between its groups", () => {
    const [say] = deep(prompt({ did: "01234567" }), "Say") as [Element];
    const [slow] = elements(say) as [Element];
    expect(names(slow)).toEqual(["say-as", "break", "say-as"]);
    expect(deep(say, "say-as").map(textOf)).toEqual(["0123", "4567"]);
  });

  test("[T44] a voice without SSML gets digits with commas and no markup", () => {
    const voice = { name: "alice", language: "en-US", ssmlDigits: false } as const;
    const response = prompt({ voice });
    expect(deep(response, "say-as")).toEqual([]);
    expect(said(elements(response)[0] as Element)[0]).toBe("Your verification code is 0, 1, 2, 3, 4, 5.");
    for (const say of deep(response, "Say")) expect(say.attributes["voice"]).toBe("alice");
  });

  test.each([
    [undefined, "5"],
    [60, "5"],
    [5, "5"],
    [4.9, "4"],
    [1, "1"],
    [0.2, "1"],
    [0, "1"],
    [-30, "1"],
  ])("[T45] with %s seconds left the silence after the last word is %s s", (remainingSeconds, timeout) => {
    const [gather] = elements(prompt(remainingSeconds === undefined ? {} : { remainingSeconds })) as [Element];
    expect(gather.attributes["timeout"]).toBe(timeout);
  });

  test("[T44] every code is spoken in order and whole in every language", () => {
    fc.assert(
      fc.property(locale, did, fc.nat(3), (spoken, code, heard) => {
        const response = prompt({ locale: spoken, did: code, heard });
        const says = deep(response, "Say").slice(0, -1);
        expect(says).toHaveLength(heard === 0 ? 2 : 1);
        for (const say of says) expect(textOf(say).match(/[0-9]/g)?.join("")).toBe(code);
        expect(textOf(response)).not.toContain(spacedDigits(code));
      }),
    );
  });
});

describe("the other documents", () => {
  test("[T46] a redirect leads to its URL by POST and says nothing", () => {
    const response = read(renderRedirect("https://ivr.acme.example/verified?sid=csn_1&receipt=a.b-c_d"));
    expect(names(response)).toEqual(["Redirect"]);
    expect(textOf(response)).toBe("https://ivr.acme.example/verified?sid=csn_1&receipt=a.b-c_d");
    expect((elements(response)[0] as Element).attributes).toEqual({ method: "POST" });
  });

  test.each(locales)("[T47] %s tells a verified caller so and ends the call", (spoken) => {
    const response = read(renderVerified(spoken));
    expect(names(response)).toEqual(["Say", "Say", "Hangup"]);
    expect(said(response)).toEqual([promptsFor(spoken).verified, promptsFor(spoken).goodbye]);
  });

  test.each([
    ["timeout", ["timedOut", "notVerified", "goodbye"]],
    ["denied", ["denied", "notVerified", "goodbye"]],
    ["canceled", ["canceled", "goodbye"]],
    ["unavailable", ["unavailable", "goodbye"]],
  ] as const)("[T47] a caller without a failure URL hears why (%s), and the call ends", (reason, sentences) => {
    for (const spoken of locales) {
      const response = read(renderFailure(spoken, reason));
      expect(said(response)).toEqual(sentences.map((name) => promptsFor(spoken)[name]));
      expect(names(response).at(-1)).toBe("Hangup");
    }
  });

  test("[T48] an unavailable gateway says so and sends the call on, or ends it when there is nowhere to go", () => {
    const on = read(renderUnavailable("en-US", "https://ivr.acme.example/unverified?reason=unavailable"));
    expect(names(on)).toEqual(["Say", "Say", "Redirect"]);
    expect(said(on)).toEqual(["We are sorry. Verification is not available right now.", "Please hold."]);
    expect(textOf(elements(on)[2] as Element)).toBe("https://ivr.acme.example/unverified?reason=unavailable");
    expect(renderUnavailable("fr-CA")).toBe(renderFailure("fr-CA", "unavailable"));
  });
});

/** The longest TwiML that Twilio takes in a call update, in characters; more is its error 32018. */
const mostInlineCharacters = 4000;

describe("every document", () => {
  const longUrl = `https://ivr.acme.example/verified?receipt=${"a".repeat(900)}`;
  const reasons: FailureReason[] = ["timeout", "canceled", "denied", "unavailable"];
  const documents = (spoken: Locale) => [
    renderPrompt({ locale: spoken, did: "0123456789", waitUrl: `${waitUrl}&x=${"a".repeat(300)}` }),
    renderRedirect(longUrl),
    renderVerified(spoken),
    renderUnavailable(spoken, longUrl),
    renderUnavailable(spoken),
    ...reasons.map((reason) => renderFailure(spoken, reason)),
  ];

  test.each(locales)("[T49] in %s is well-formed XML that fits a call update", (spoken) => {
    for (const document of documents(spoken)) {
      expect(read(document).name).toBe("Response");
      expect(document.length).toBeLessThan(mostInlineCharacters);
    }
  });

  test.each(locales)("[T49] in %s leads somewhere: it ends in a Redirect or a Hangup", (spoken) => {
    for (const document of documents(spoken)) expect(names(read(document)).at(-1)).toMatch(/^(Redirect|Hangup)$/);
  });
});

describe("URLs in TwiML", () => {
  test("[T49] are passed on as given", () => {
    for (const url of ["https://a.example", "HTTP://a.example:8080/x?y=%20'&z=ü#rc=2", "http://[::1]:80/"]) {
      expect(requireAbsoluteUrl(url)).toBe(url);
      expect(textOf(read(renderRedirect(url)))).toBe(url);
    }
  });

  const attacker = [
    "",
    "/ivr/verify/wait",
    "wait?loop=1",
    "//evil.example/",
    "https:/one-slash",
    "https://",
    "https://a b.example/",
    "https://a.example/ x",
    " https://a.example/",
    "https://a.example/\n",
    "https://a.example/\u0000",
    "https://a.example/\u0085",
    "https://[::1/",
    "https://a.example:99999/",
    "javascript:alert(1)",
    "data:text/xml,<Response/>",
    "ftp://a.example/",
    "tel:+14155550000",
  ];
  test.each(attacker)("[T49] %j is refused wherever a URL is taken", (url) => {
    const refused = expect.objectContaining({ code: "internal" });
    expect(() => renderRedirect(url)).toThrow(refused);
    expect(() => renderUnavailable("en-US", url)).toThrow(refused);
    expect(() => renderPrompt({ locale: "en-US", did: "123456", waitUrl: url })).toThrow(refused);
  });

  test("[T49] markup in a URL stays text", () => {
    const url = "https://a.example/?q=</Redirect><Dial>+19005550000</Dial>&amp;'\"";
    const response = read(renderRedirect(url));
    expect(names(response)).toEqual(["Redirect"]);
    expect(deep(response, "Dial")).toEqual([]);
  });
});
