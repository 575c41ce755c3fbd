import { hostileText } from "./hostile-values.ts";
import { mutateText } from "./mutate-json.ts";
import type { FuzzRandom } from "./random.ts";

export type Header = [name: string, value: string];

/** One HTTP request before it is written. */
export interface HttpRequest {
  method: string;
  /** Path and query as they stand in the request line. */
  target: string;
  headers: Header[];
  body?: Buffer;
}

const methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "M-SEARCH"];

export function mutateMethod(random: FuzzRandom, method: string): string {
  return random.chance(0.5) ? random.pick(methods) : method === "GET" ? "POST" : "GET";
}

const contentTypes = [
  "",
  "text/plain",
  "application/xml",
  "application/JSON",
  "application/json; charset=utf-16",
  'application/json; charset="utf-8"',
  "application/json; charset=utf-8; charset=latin1",
  "application/problem+json",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "application/json,text/html",
  ";;;=",
  "/",
];

/** Values of headers that the gateway reads, each in spellings that are odd. */
const oddHeaders: readonly [string, readonly string[]][] = [
  ["Content-Type", contentTypes],
  [
    "Prefer",
    [
      "wait=1",
      "wait=0",
      "wait=-1",
      "wait=1e3",
      'wait="1"',
      "wait",
      "respond-async, wait=0",
      "wait=,wait=9",
      "WAIT = 0 ; x=y",
      `${"a,".repeat(3000)}wait=1`,
      '"\\"wait=1',
      "wait=99999999999999999999",
    ],
  ],
  [
    "X-Correlation-Id",
    ["short", "x".repeat(64), "x".repeat(65), "a b c d e f g h", "../../../..", "__proto__", "good-id-0001"],
  ],
  ["X-Api-Key", ["", "x", "x".repeat(4000)]],
  ["Content-Encoding", ["gzip", "br", "identity", "deflate, gzip", "x"]],
  ["Accept", ["", "*/*", "text/html", `${"a/b;q=0.1,".repeat(300)}*/*`]],
  ["Accept-Encoding", ["gzip", "br;q=1e9", "*;q=0"]],
  ["If-None-Match", ["*", 'W/"x"', '"'.repeat(2000)]],
  ["If-Modified-Since", ["x", "Mon, 23 Nov 2026 00:00:00 GMT"]],
  ["Range", ["bytes=0-0", `bytes=${"0-0,".repeat(500)}1-`]],
  ["Cookie", ["a=b", `${"a=b; ".repeat(500)}`]],
  ["X-Forwarded-For", ["1.2.3.4", "::1, x, 999.999.999.999", "127.0.0.1,".repeat(200)]],
  ["X-Forwarded-Proto", ["https", "javascript"]],
  ["X-Forwarded-Host", ["evil.test", "a\tb"]],
  ["X-HTTP-Method-Override", ["DELETE"]],
  ["X-Twilio-Signature", ["", "A".repeat(27), `${"A".repeat(27)}=`]],
  ["Forwarded", ['for="[::1]";proto=http;host=x']],
  ["Host", ["", "evil.test", "[::1", "a:b:c", "x".repeat(1000)]],
  ["Origin", ["null", "https://evil.test"]],
  ["Date", ["x"]],
];

/** One or two headers dropped, doubled, made odd or added. Framing is left alone: the raw entrance does that. */
export function mutateHeaders(random: FuzzRandom, headers: Header[]): Header[] {
  const changed = headers.map(([name, value]): Header => [name, value]);
  for (let time = 0; time <= random.below(2); time += 1) {
    const at = random.below(changed.length);
    const header = changed[at];
    switch (random.below(6)) {
      case 0:
        if (header && header[0] !== "Host") changed.splice(at, 1);
        break;
      case 1:
        if (header && header[0] !== "Host") changed.push([header[0], header[1]]);
        break;
      case 2:
        if (header) header[0] = random.chance(0.5) ? header[0].toUpperCase() : header[0].toLowerCase();
        break;
      case 3:
        if (header) header[1] = asHeaderValue(mutateText(random, header[1]));
        break;
      case 4:
        changed.push([`X-${random.hex(6)}`, asHeaderValue(hostileText(random))]);
        break;
      default: {
        const [name, values] = random.pick(oddHeaders);
        const rest = changed.filter(([other]) => other !== name);
        changed.splice(0, changed.length, ...rest, [name, random.pick(values)]);
      }
    }
  }
  return changed;
}

/** Bytes that may stand in a header; others would end the message for the parser, which is what the raw entrance tries. */
export function asHeaderValue(text: string): string {
  return text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "?").trim();
}

const waits = [
  "0",
  "1",
  "00",
  "-1",
  "1.0",
  "1e1",
  "",
  " 1",
  "0x1",
  "99999999999999999999999",
  "NaN",
  "١",
  "1&wait=0",
  "1,0",
];
const oddQueries = [
  "&",
  "=",
  "&&&=&",
  "%",
  "%zz=1",
  "a[b][c]=d",
  "a[]=1&a[]=2",
  "__proto__=1",
  "__proto__[x]=1",
  "constructor[prototype][x]=1",
  "hasOwnProperty=1",
  "%00=%00",
  "x=%ff%fe",
  "limit=1&limit=2",
  `x=${"y".repeat(3000)}`,
  `${"a=b&".repeat(1200)}`,
];

/** The path or the query made wrong. Blanks and control characters are encoded, so that the request line stays one. */
export function mutateTarget(random: FuzzRandom, target: string): string {
  const [path = "/", query = ""] = split(target);
  switch (random.below(10)) {
    case 0:
      return `${path}?wait=${encodeURI(random.pick(waits))}${query === "" ? "" : `&${query}`}`;
    case 1:
      return `${path}?${query}${query === "" ? "" : "&"}${random.pick(oddQueries)}`;
    case 2:
      return `${path}?${query}&${query}&${random.pick(waits).replaceAll(" ", "+")}`;
    case 3:
      return asTarget(replacePart(path, random, encodeText(hostileText(random))), query);
    case 4:
      return asTarget(
        replacePart(
          path,
          random,
          random.pick(["..", ".", "%2e%2e", "%2F", "%5c", "%00", "%ff", "%", "%c0%ae", "*", ";x=y", "__proto__", ""]),
        ),
        query,
      );
    case 5:
      return asTarget(`${path}/${random.pick(["", "x", "..", "%2e%2e/%2e%2e", "cancel", "loop"])}`, query);
    case 6:
      return asTarget(
        path.replaceAll(/[a-z]/g, (letter) => (random.chance(0.2) ? letter.toUpperCase() : letter)),
        query,
      );
    case 7:
      return asTarget(
        path.replaceAll(/[a-z]/g, (letter) => (random.chance(0.3) ? `%${letter.charCodeAt(0).toString(16)}` : letter)),
        query,
      );
    case 8:
      return asTarget(replacePart(path, random, encodeText(mutateText(random, path.split("/").at(-1) ?? ""))), query);
    default:
      return random.pick([
        `//evil.test${path}`,
        `http://evil.test${path}?${query}`,
        `/.${path}`,
        `${path}#x`,
        "*",
        "/",
        `${path}/${"a/".repeat(1500)}`,
        `/${"x".repeat(7000)}`,
        `${path}?${query}?${query}`,
      ]);
  }
}

function split(target: string): [string, string] {
  const at = target.indexOf("?");
  return at < 0 ? [target, ""] : [target.slice(0, at), target.slice(at + 1)];
}

function asTarget(path: string, query: string): string {
  return query === "" ? path : `${path}?${query}`;
}

function replacePart(path: string, random: FuzzRandom, by: string): string {
  const parts = path.split("/");
  parts[1 + random.below(Math.max(1, parts.length - 1))] = by;
  return parts.join("/");
}

export function encodeText(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
