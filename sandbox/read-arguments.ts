import { parseArgs } from "node:util";
import type { VoiceCloudOptions } from "./voice-cloud.ts";

export const USAGE = `Callseal sandbox voice cloud: a local stand-in for Twilio's voice cloud.

Usage: node sandbox/main.ts [options]

  --port <n>                  port to listen on; 0 picks a free one (default 4600)
  --host <address>            address to listen on (default 127.0.0.1; there is no login, keep it local)
  --time-scale <n>            1 is real time, 0.01 a hundred times faster (default 1)
  --account-sid <AC…>         account SID (default: random)
  --auth-token <token>        its auth token (default: random)
  --fetch-interrupted-verb    also fetch what an interrupted verb would have led to, once
  --help                      this text
`;

/** What the command line asks for. `error` is one sentence for the person who typed it. */
export type CommandLine =
  | { kind: "run"; options: VoiceCloudOptions }
  | { kind: "help" }
  | { kind: "error"; error: string };

/** Reads the arguments of `sandbox/main.ts`. */
export function readArguments(args: readonly string[]): CommandLine {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: "string", default: "4600" },
        host: { type: "string", default: "127.0.0.1" },
        "time-scale": { type: "string", default: "1" },
        "account-sid": { type: "string" },
        "auth-token": { type: "string" },
        "fetch-interrupted-verb": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return { kind: "help" };
    const port = /^\d{1,5}$/.test(values.port) ? Number(values.port) : Number.NaN;
    const timeScale = values["time-scale"] === "" ? Number.NaN : Number(values["time-scale"]);
    if (!(port <= 65_535)) return { kind: "error", error: "--port takes a number from 0 to 65535" };
    if (!(timeScale > 0 && timeScale <= 100))
      return { kind: "error", error: "--time-scale takes a number above 0, up to 100" };
    const account = readAccount(values["account-sid"], values["auth-token"]);
    if (typeof account === "string") return { kind: "error", error: account };
    const fetchInterruptedVerb = values["fetch-interrupted-verb"];
    return { kind: "run", options: { port, host: values.host, timeScale, fetchInterruptedVerb, ...account } };
  } catch (error) {
    return { kind: "error", error: error instanceof Error ? error.message : "the arguments cannot be read" };
  }
}

function readAccount(accountSid: string | undefined, authToken: string | undefined) {
  if (accountSid === undefined && authToken === undefined) return {};
  if (accountSid === undefined || authToken === undefined) return "--account-sid and --auth-token go together";
  if (!/^AC[0-9a-fA-F]{32}$/.test(accountSid)) return "--account-sid takes AC and 32 hex digits";
  if (authToken.length < 8) return "--auth-token takes at least 8 characters";
  return { accounts: [{ accountSid, authToken }] };
}
