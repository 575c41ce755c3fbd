import type { Scope } from "../../../core/tenants/tenant.ts";
import { type AnswerChecks, checkExchange } from "../check-answer.ts";
import { FuzzFinding, type FuzzInput } from "../entrance.ts";
import { hostileText } from "../hostile-values.ts";
import { writeRequest } from "../http-exchange.ts";
import { mutateJson } from "../mutate-json.ts";
import {
  asHeaderValue,
  type Header,
  type HttpRequest,
  mutateHeaders,
  mutateMethod,
  mutateTarget,
} from "../mutate-request.ts";
import type { FuzzRandom } from "../random.ts";
import { acme, globex, keyOf } from "../tenants.ts";

/** A valid request that mutations start from. */
export interface Template {
  method: "GET" | "POST" | "DELETE";
  target: string;
  /** The scope of its key; absent: it needs none. */
  scope?: Scope;
  body?: unknown;
  success?: AnswerChecks["success"];
}

/** Mutates a request in its body, headers, path, method and key, each now and then; one in seven stays valid. */
export function mutateTemplate(random: FuzzRandom, template: Template): HttpRequest {
  const { scope, body } = template;
  const headers: Header[] = [["Host", "callseal.fuzz"]];
  const key = scope && pickKey(random, scope);
  if (key !== undefined) headers.push(["Authorization", `Bearer ${key}`]);
  if (body !== undefined) headers.push(["Content-Type", "application/json"]);
  const json = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const valid: HttpRequest = {
    method: template.method,
    target: template.target,
    headers,
    ...(json ? { body: json } : {}),
  };
  if (random.chance(0.15)) return valid;
  const hasBody = body !== undefined || random.chance(0.05);
  return {
    method: random.chance(0.06) ? mutateMethod(random, template.method) : template.method,
    target: random.chance(body === undefined ? 0.6 : 0.2) ? mutateTarget(random, template.target) : template.target,
    headers: random.chance(0.25) ? mutateHeaders(random, headers) : headers,
    ...(hasBody ? { body: random.chance(0.7) ? mutateJson(random, body ?? {}) : (json ?? Buffer.from("{}")) } : {}),
  };
}

/** Mostly the right one; else one of another scope or tenant, or one that is none. */
function pickKey(random: FuzzRandom, scope: Scope): string | undefined {
  if (random.chance(0.9)) return keyOf(random.chance(0.9) ? acme.id : globex.id, scope);
  switch (random.below(4)) {
    case 0:
      return keyOf(acme.id, random.pick(["sessions", "agent", "admin", "metrics"] as const));
    case 1:
      return undefined;
    case 2:
      return keyOf(acme.id, scope).slice(0, -1);
    default:
      return asHeaderValue(hostileText(random));
  }
}

/** A poller that has waited longer than the tenant's cap hangs up: agents' sessions have a cap of their own. */
const pollerPatienceMs = 2500;

/** Sends the request and answers its label; a finding says what was sent. */
export async function sendMutated(
  input: FuzzInput,
  request: HttpRequest,
  success?: AnswerChecks["success"],
): Promise<string> {
  const polls = /wait/i.test(request.target) || request.headers.some(([name]) => name.toLowerCase() === "prefer");
  const exchange = await input.live.connections.exchange(request, polls ? { hangUpMs: pollerPatienceMs } : {});
  try {
    return checkExchange(exchange, { method: request.method, ...(success ? { success } : {}) });
  } catch (error) {
    throw error instanceof FuzzFinding ? new FuzzFinding(error.message, writeRequest(request)) : error;
  }
}
