import { signRequest } from "../../../sandbox/sign-request.ts";
import { checkExchange } from "../check-answer.ts";
import { type Entrance, FuzzFinding, type FuzzInput } from "../entrance.ts";
import { hostileText } from "../hostile-values.ts";
import { writeRequest } from "../http-exchange.ts";
import { encodeText, type Header, type HttpRequest, mutateHeaders, mutateTarget } from "../mutate-request.ts";
import type { FuzzRandom } from "../random.ts";
import { acme, fuzzPublicUrl, globex } from "../tenants.ts";

type Field = [name: string, value: string];

/**
 * Webhooks of Twilio, most of them rightly signed over what they hold, so that hostile fields reach the flow. Whatever
 * is in them: 200 with TwiML, or 403.
 */
export const hostedFlow: Entrance = {
  name: "/ivr/verify",
  weight: 13,
  async run(input) {
    const { random, live } = input;
    const { request, straight } = await makeWebhook(input);
    const exchange = await live.connections.exchange(request);
    try {
      const label = checkExchange(exchange, { method: request.method, success: straight ? "twiml" : "text" });
      if (straight && !["200", "403 forbidden"].includes(label) && hasHost(request))
        throw new FuzzFinding(`a webhook got ${label}`);
      return label;
    } catch (error) {
      throw error instanceof FuzzFinding ? new FuzzFinding(error.message, writeRequest(request)) : error;
    } finally {
      random.next();
    }
  },
};

/** Without one it is no request of HTTP/1.1, whoever sent it (RFC 9112 §3.2). */
function hasHost({ headers }: HttpRequest): boolean {
  return headers.some(([name]) => name.toLowerCase() === "host");
}

async function makeWebhook(input: FuzzInput): Promise<{ request: HttpRequest; straight: boolean }> {
  const { random } = input;
  const target = await makeTarget(input);
  const straight = random.chance(0.85);
  const wanted = straight ? target : mutateTarget(random, target);
  const tenant = random.chance(0.9) ? acme : globex;
  const fields = makeFields(input, tenant.account);
  const isGet = random.chance(0.1);
  const query = isGet ? `${wanted}${wanted.includes("?") ? "&" : "?"}${writeForm(fields)}` : wanted;
  const signature = makeSignature(random, { token: tenant.authToken, target: query, fields: isGet ? [] : fields });
  const headers: Header[] = [["Host", "callseal.fuzz"]];
  if (signature !== undefined) headers.push(["X-Twilio-Signature", signature]);
  if (isGet) return { request: { method: "GET", target: query, headers }, straight };
  headers.push(["Content-Type", "application/x-www-form-urlencoded"]);
  const body = random.chance(0.93) ? Buffer.from(writeForm(fields)) : breakForm(random, writeForm(fields));
  const sent = random.chance(0.9) ? headers : mutateHeaders(random, headers);
  return { request: { method: "POST", target: query, headers: sent, body }, straight };
}

async function makeTarget({ random, live, index }: FuzzInput): Promise<string> {
  const step = random.pick(["start", "start", "prompt", "wait", "wait", "success", "failure", "status", "other"]);
  const { sessionId } = await live.session(index, random.below(2) * random.below(1000));
  const parts = [
    random.chance(0.5)
      ? `loop=${random.pick(["1", "2", "3", "4", "0", "-1", "99999999999999999", "1e3", encodeText(hostileText(random))])}`
      : "",
    random.chance(0.5) ? `sid=${random.chance(0.8) ? sessionId : encodeText(hostileText(random))}` : "",
    random.chance(0.1) ? `locale=${encodeText(random.chance(0.5) ? "fr-CA" : hostileText(random))}` : "",
    random.chance(0.1) ? `crmCaseId=${encodeText(hostileText(random))}` : "",
  ].filter((part) => part !== "");
  return `/ivr/verify/${step}${parts.length > 0 ? `?${parts.join("&").slice(0, 4000)}` : ""}`;
}

function makeFields({ random, live, index }: FuzzInput, account: string): Field[] {
  const slot = Math.floor(index / 24)
    .toString(16)
    .padStart(32, "0");
  const fields: Field[] = [
    ["AccountSid", account],
    ["ApiVersion", "2010-04-01"],
    ["CallSid", random.chance(0.6) ? `CA${slot}` : `CA${live.seed.toString(16)}x${index}`],
    ["CallStatus", random.pick(["in-progress", "in-progress", "completed", "busy", "ringing"])],
    ["Direction", "inbound"],
    ["From", random.pick(["+1415555900123", "anonymous", "+266696687", "sip:alice@example.com"])],
    ["To", "+18005551234"],
    ["CallDuration", "12"],
    ...(random.chance(0.3) ? ([["Digits", random.pick(["0", "5", "#", "12", "", "1"])]] as Field[]) : []),
    ...(random.chance(0.1)
      ? ([
          ["ErrorCode", "11200"],
          ["StirVerstat", "TN-Validation-Passed-A"],
        ] as Field[])
      : []),
  ];
  for (let time = 0; time < random.below(3); time += 1) {
    // The account is spared mostly: without it nothing deeper is reached.
    const at = random.chance(0.95) ? 1 + random.below(fields.length - 1) : 0;
    const field = fields[at];
    if (!field) continue;
    if (random.chance(0.6)) field[1] = hostileText(random).toWellFormed();
    else if (random.chance(0.3)) fields.splice(at, 1);
    else if (random.chance(0.5)) fields.push([field[0], hostileText(random).toWellFormed()]);
    else fields.push([hostileText(random).toWellFormed() || "x", "y"]);
  }
  return fields;
}

function writeForm(fields: readonly Field[]): string {
  return fields.map((field) => field.map((text) => encodeText(text).replaceAll("%20", "+")).join("=")).join("&");
}

function makeSignature(
  random: FuzzRandom,
  signed: { token: string; target: string; fields: Field[] },
): string | undefined {
  const parameters: Record<string, string[]> = Object.create(null);
  for (const [name, value] of signed.fields) parameters[name] = [...(parameters[name] ?? []), value];
  const right = signRequest(signed.token, `${fuzzPublicUrl}${signed.target}`, parameters);
  if (random.chance(0.88)) return right;
  return random.pick([
    undefined,
    "",
    right.slice(1),
    `${right}, ${right}`,
    right.toLowerCase(),
    signRequest("x", signed.target, parameters),
  ]);
}

function breakForm(random: FuzzRandom, form: string): Buffer {
  return random.pick([
    () => Buffer.from(`${form}&x=%`),
    () => Buffer.from(`${form}&x=%ff%fe%zz`),
    () => Buffer.from(`${form}&${"a=b&".repeat(1100)}`),
    () => Buffer.from(`${form}&pad=${"x".repeat(70_000)}`),
    () => Buffer.from(JSON.stringify(Object.fromEntries(new URLSearchParams(form)))),
    () => Buffer.from(`${form}&a[b][c]=d&__proto__[x]=y&constructor=z`),
    () => random.bytes(50),
    () => Buffer.alloc(0),
  ])();
}
