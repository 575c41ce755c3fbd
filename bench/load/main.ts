import { printReady } from "../floor/report-ready.ts";
import { serveCalls } from "../stack/remote-calls.ts";
import { type CallsealConfirmsOptions, openCallsealConfirms } from "./callseal-confirms.ts";
import { type CallsealVerificationsOptions, openCallsealVerifications } from "./callseal-verifications.ts";
import { type CibaLoadOptions, runCibaLoad } from "./ciba-load.ts";
import { type ConfirmRound, type ConfirmTarget, runConfirmRound } from "./confirm-load.ts";
import { type FloorConfirmsOptions, openFloorConfirms } from "./floor-confirms.ts";
import { measureFloorParts } from "./floor-parts.ts";
import { type FloorVerificationsOptions, openFloorVerifications } from "./floor-verifications.ts";
import { ProviderStandIn } from "./provider-stand-in.ts";
import { createSessions, runRequestLoad } from "./request-load.ts";
import { type CrowdOptions, SocketCrowd } from "./socket-crowd.ts";
import { type LoadRun, VerificationLoad } from "./verification-load.ts";
import { measureWakeUps, WaitingCrowd, type WaitingOptions } from "./waiting-crowd.ts";

/** A process of clients: what it shall do comes from the measuring process, figures go back. */
const provider = await ProviderStandIn.open();
const confirms = new Map<string, ConfirmTarget>();
const verifications = new Map<string, VerificationLoad>();
const sockets = new SocketCrowd();
const waiting = new WaitingCrowd();

serveCalls({
  providerUrl: () => provider.url,
  openCallsealConfirms: async ({ name, ...options }: CallsealConfirmsOptions & { name: string }) => {
    confirms.set(name, await openCallsealConfirms(options, provider));
  },
  openFloorConfirms: async ({ name, ...options }: FloorConfirmsOptions & { name: string }) => {
    confirms.set(name, await openFloorConfirms(options, provider));
  },
  confirmRound: ({ name, ...round }: ConfirmRound & { name: string }) => runConfirmRound(confirms.get(name)!, round),
  measureFloorParts,
  openVerifications: async ({ name, ...options }: CallsealVerificationsOptions & { name: string }) => {
    verifications.set(name, new VerificationLoad(await openCallsealVerifications(options, provider)));
  },
  openFloorVerifications: async ({ name, ...options }: FloorVerificationsOptions & { name: string }) => {
    verifications.set(name, new VerificationLoad(await openFloorVerifications(options, provider)));
  },
  runVerifications: ({ name, ...run }: LoadRun & { name: string }) => verifications.get(name)!.run(run),
  runVerificationsAt: ({ name, ...schedule }: { name: string; count: number; ratePerSecond: number }) =>
    verifications.get(name)!.runAt(schedule),
  countVerifications: (count: { name: string; verifications: number }) =>
    verifications.get(count.name)!.count(count.verifications),
  closeVerifications: async ({ name }: { name: string }) => {
    await verifications.get(name)!.close();
    verifications.delete(name);
  },
  runCiba: ({ target, run }: { target: CibaLoadOptions; run: LoadRun }) => runCibaLoad(target, run),
  createSessions,
  runRequests: runRequestLoad,
  openSockets: (options: CrowdOptions) => sockets.grow(options),
  countSockets: () => sockets.open,
  closeSockets: () => sockets.close(),
  holdPolls: (options: WaitingOptions) => waiting.grow(options),
  releasePolls: () => waiting.close(),
  measureWakeUps,
});
process.on("disconnect", () => process.exit());
process.on("SIGTERM", () => process.exit());
printReady(0);
