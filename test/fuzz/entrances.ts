import type { JobQueues } from "../../core/queue/job-queues.ts";
import type { Core } from "../support/open-core.ts";
import type { Entrance } from "./entrance.ts";
import { clientSdk } from "./entrances/client-sdk.ts";
import { commandLine } from "./entrances/command-line.ts";
import { deviceRequests } from "./entrances/device-requests.ts";
import { administration, enrolments } from "./entrances/enrolment-and-admin.ts";
import { hostedFlow } from "./entrances/hosted-flow.ts";
import { intercepts } from "./entrances/intercepts.ts";
import { engineRequests, operations } from "./entrances/operations.ts";
import { rawBytes } from "./entrances/raw-bytes.ts";
import { changeSessions, createSessions, flatRequests, readSessions } from "./entrances/session-requests.ts";
import { settings } from "./entrances/settings.ts";
import { socketFrames } from "./entrances/socket-frames.ts";
import { consoleRequests, handshakes } from "./entrances/socket-handshakes.ts";
import type { FuzzRandom } from "./random.ts";

/** Every door of the product. */
export function openEntrances(core: Core, jobs: JobQueues): Entrance[] {
  return [
    createSessions,
    readSessions,
    changeSessions,
    flatRequests,
    enrolments,
    administration,
    hostedFlow,
    operations,
    engineRequests,
    rawBytes,
    handshakes,
    deviceRequests,
    socketFrames,
    consoleRequests,
    intercepts(core, jobs),
    settings,
    commandLine,
    clientSdk,
  ];
}

/** The entrance of an input: the first thing that its random stream decides. */
export function pickEntrance(entrances: readonly Entrance[], random: FuzzRandom): Entrance {
  const total = entrances.reduce((sum, { weight }) => sum + weight, 0);
  let left = (random.next() / 2 ** 32) * total;
  for (const entrance of entrances) {
    left -= entrance.weight;
    if (left < 0) return entrance;
  }
  return entrances.at(-1)!;
}
