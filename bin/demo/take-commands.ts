import { once } from "node:events";
import { createInterface } from "node:readline";
import { type Challenge, connectDevice, type DeviceConnection } from "../../client-sdk/src/device/index.ts";
import type { LedgerEntry } from "../../sandbox/ledger/ledger-entry.ts";
import type { Demo } from "./open-demo.ts";
import { tidySpeech } from "./timeline.ts";
import { placeCall } from "./verify-one-call.ts";

const help = `Type  call        to place a call and hear its code here
      <the code>  to confirm it in the caller's app, or its last two digits to answer the offer that the app was sent
      press <key> to press a key of the phone (0 cancels)
      quit        to stop (or Ctrl-C)`;

/** Keeps the demo up and lets a person be the caller: place calls, hear codes, type them into the app. */
export async function takeCommands(demo: Demo, print: (line: string) => void): Promise<void> {
  const stopped = Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  if (!process.stdin.isTTY) {
    // Started by a script: nobody types, and the end of the input does not mean the end of the demo.
    print("Running until SIGTERM or SIGINT.");
    await stopped;
    return;
  }
  const app = demo.app ?? (await connectDevice({ keyStore: demo.phone }));
  const offers: Challenge[] = [];
  app.on("offer", ({ challenge }) => {
    offers.unshift(challenge);
    print(
      `  app: is this call from ${challenge.aniMasked} to ${challenge.organisation} yours? Type the last two digits you hear.`,
    );
  });
  app.on("withdrawn", ({ reason }) => print(`  app: the request is over (${reason})`));
  const leave = demo.cloud.onEntry((entry) => narrate(entry, print));
  const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: "callseal> " });
  print(help);
  terminal.prompt();
  terminal.on("line", (line) => {
    void obey(line.trim(), { demo, app, offers, print, quit: () => terminal.close() }).then(() => terminal.prompt());
  });
  await Promise.race([stopped, once(terminal, "close")]);
  terminal.close();
  leave();
  await app.close();
}

interface Caller {
  demo: Demo;
  app: DeviceConnection;
  /** What the app was offered, the newest first. */
  offers: Challenge[];
  print: (line: string) => void;
  quit: () => void;
}

async function obey(command: string, caller: Caller): Promise<void> {
  const { demo, app, print } = caller;
  try {
    if (command === "call") placeCall(demo);
    else if (command === "quit" || command === "exit") caller.quit();
    else if (command.startsWith("press ")) demo.cloud.calls.at(-1)?.pressDigits(command.slice("press ".length));
    else if (/^\d{6,10}$/.test(command)) await confirmCode(app, command, print);
    else if (/^\d\d$/.test(command)) await answerOffer(caller, command);
    else if (command !== "") print(help);
  } catch (error) {
    print(`  app: refused, ${(error as { code?: string }).code ?? (error as Error).message}`);
  }
}

async function confirmCode(app: DeviceConnection, did: string, print: (line: string) => void): Promise<void> {
  const challenge = await app.claim(did);
  print(`  app: ${challenge.organisation}, call from ${challenge.aniMasked ?? "a hidden number"}`);
  const { status } = await app.confirm(challenge, { did, call: "outgoing" });
  print(`  app: ${status}`);
}

async function answerOffer({ app, offers, print }: Caller, match: string): Promise<void> {
  const challenge = offers.shift();
  if (!challenge) return print("  app: there is no offer to answer");
  const { status } = await app.confirm(challenge, { match, call: "outgoing" });
  print(`  app: ${status}`);
}

function narrate(entry: LedgerEntry, print: (line: string) => void): void {
  if (entry.type === "speech.started") print(`  phone: “${tidySpeech(entry.text)}”`);
  if (entry.type === "call.updated") print("  phone: (the call was redirected)");
  if (entry.type === "call.ended") print(`  phone: call ended (${entry.reason})`);
}
