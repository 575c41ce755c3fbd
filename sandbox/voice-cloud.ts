import { randomBytes } from "node:crypto";
import { once, setMaxListeners } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { CallRegister } from "./calls/call-register.ts";
import type { LiveCall } from "./calls/live-call.ts";
import { type PlaceCallRequest, placeCall } from "./calls/place-call.ts";
import { VoiceCall } from "./calls/voice-call.ts";
import type { CloudContext, SandboxAccount, SandboxLogger } from "./cloud-context.ts";
import { controlRoutes } from "./control/control-routes.ts";
import { FaultPlan } from "./faults/fault-plan.ts";
import { ivrPages } from "./ivr/ivr-pages.ts";
import { Ledger } from "./ledger/ledger.ts";
import { restRoutes } from "./rest/rest-routes.ts";
import { ScaledClock } from "./scaled-clock.ts";
import { WebhookAgents } from "./webhooks/webhook-agents.ts";

export interface VoiceCloudOptions {
  /** Default 0, a free one. */
  port?: number;
  /** Default `127.0.0.1`. The control API asks for no credentials: leave it on a loopback address. */
  host?: string;
  /** Default: one account with a random SID and token. */
  accounts?: readonly SandboxAccount[];
  /** Multiplies speech, pauses and gather time-outs: 1 (default) is real time, 0.01 a hundred times faster. HTTP limits stay real. */
  timeScale?: number;
  /** On a call update, also fetch once where the interrupted verb would have led, as real calls were seen to; default false. */
  fetchInterruptedVerb?: boolean;
  /** How many ledger entries are kept; default 100,000. */
  ledgerLimit?: number;
  /** Default: silent. */
  logger?: SandboxLogger;
}

/** A running stand-in for Twilio's voice cloud. */
export interface VoiceCloud {
  /** Origin of the REST API, the control API (`/sandbox`) and the built-in IVR pages (`/sandbox/ivr/…`). */
  readonly url: string;
  readonly accounts: readonly SandboxAccount[];
  readonly ledger: Ledger;
  readonly faults: FaultPlan;
  /** Every call that is still known, in the order in which they were placed. */
  readonly calls: readonly VoiceCall[];
  /** Somebody calls `to`: the voice URL is fetched and its TwiML played. Throws `SandboxError` `invalid_request` or `closed`. */
  placeCall(request: PlaceCallRequest): VoiceCall;
  call(sid: string): VoiceCall | undefined;
  /** Resolves with the first ledger entry, past or to come, that matches: see `Ledger.waitFor`. */
  readonly waitFor: Ledger["waitFor"];
  /** Calls the listener for every new ledger entry until the returned function is called. */
  readonly onEntry: Ledger["onEntry"];
  /** Hangs up every call, gives up every webhook and stops listening. A second call waits for the first. */
  close(): Promise<void>;
}

const SILENT: SandboxLogger = { info: () => undefined, warn: () => undefined };

/**
 * Starts a voice cloud. Example:
 *
 *     const cloud = await startVoiceCloud({ timeScale: 0.01 });
 *     const call = cloud.placeCall({ to: "+18005551234", from: "+14155550000", voiceUrl: "http://localhost:8080/ivr/verify/start" });
 *     await cloud.waitFor(isEntry("gather.started", call.sid));
 *     call.pressDigits("1");
 */
export async function startVoiceCloud(options: VoiceCloudOptions = {}): Promise<VoiceCloud> {
  const accounts = options.accounts?.length ? [...options.accounts] : [randomAccount()];
  const tasks = new Set<Promise<unknown>>();
  const closing = new AbortController();
  // Every wait and request of every call listens to it.
  setMaxListeners(0, closing.signal);
  const context: CloudContext = {
    accounts: new Map(accounts.map((account) => [account.accountSid, account])),
    ledger: new Ledger(options.ledgerLimit),
    faults: new FaultPlan(),
    clock: new ScaledClock(options.timeScale ?? 1),
    logger: options.logger ?? SILENT,
    agents: new WebhookAgents(),
    closing: closing.signal,
    fetchInterruptedVerb: options.fetchInterruptedVerb ?? false,
    track: (work) => {
      const done = work.catch((error: unknown) => context.logger.warn({ error: String(error) }, "sandbox.failed"));
      tasks.add(done);
      void done.finally(() => tasks.delete(done));
    },
  };
  const calls = new CallRegister();
  const server = createServer(routes(calls, context));
  const origin = await listen(server, options);
  const asVoiceCall = voiceCallsOf(context);
  return {
    url: origin,
    accounts,
    ledger: context.ledger,
    faults: context.faults,
    get calls() {
      return calls.all().map(asVoiceCall);
    },
    placeCall: ({ voiceUrl, voiceMethod, ...request }) => {
      const first = { from: "url", url: voiceUrl, method: voiceMethod ?? "POST", purpose: "voice" } as const;
      return asVoiceCall(placeCall({ request, direction: "inbound", first }, calls, context));
    },
    call: (sid) => {
      const known = calls.get(sid);
      return known && asVoiceCall(known);
    },
    waitFor: context.ledger.waitFor.bind(context.ledger),
    onEntry: context.ledger.onEntry.bind(context.ledger),
    close: firstTimeOnly(async () => {
      closing.abort();
      for (const call of calls.all())
        call.end("cloud_closed", call.status === "in-progress" ? "completed" : "canceled");
      while (tasks.size > 0) await Promise.all(tasks);
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await context.agents.close();
    }),
  };
}

function routes(calls: CallRegister, context: CloudContext): express.Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.use("/sandbox", ivrPages(context), controlRoutes(calls, context));
  app.use(restRoutes(calls, context));
  return app;
}

async function listen(server: Server, options: VoiceCloudOptions): Promise<string> {
  const { port = 0, host = "127.0.0.1" } = options;
  server.listen(port, host);
  await once(server, "listening");
  const { port: bound } = server.address() as AddressInfo;
  return `http://${host.includes(":") ? `[${host}]` : host}:${bound}`;
}

function randomAccount(): SandboxAccount {
  return { accountSid: `AC${randomBytes(16).toString("hex")}`, authToken: randomBytes(16).toString("hex") };
}

/** One handle per call, so that the same call is the same object wherever it is asked for. */
function voiceCallsOf(context: CloudContext): (call: LiveCall) => VoiceCall {
  const handles = new WeakMap<LiveCall, VoiceCall>();
  return (call) => {
    const handle = handles.get(call) ?? new VoiceCall(call, context);
    handles.set(call, handle);
    return handle;
  };
}

function firstTimeOnly<T>(work: () => T): () => T {
  let result: { value: T } | undefined;
  return () => {
    result ??= { value: work() };
    return result.value;
  };
}
