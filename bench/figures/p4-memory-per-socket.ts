import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Figure, FigureContext } from "../figure.ts";
import type { CrowdKind } from "../load/socket-crowd.ts";
import { ratioGoal, valueRow } from "../measure/rounds.ts";
import { formatNumber } from "../report/format-number.ts";
import { summarizeGrowth } from "../report/summarize-heap.ts";
import { type BenchDevice, enrolDevices } from "../stack/enrol-devices.ts";
import type { RemoteCalls } from "../stack/remote-calls.ts";
import type { Child } from "../stack/start-child.ts";
import { startDeployment } from "../stack/start-deployment.ts";
import { startFloor } from "../stack/start-floor.ts";
import { startLoad } from "../stack/start-load.ts";

/** What followed the handshakes, such as greeting a device, is over. */
const settleMs = 1500;

interface Crowd {
  kind: CrowdKind;
  url: string;
  origin?: string;
}

/** P4: what an idle, authenticated device socket costs in resident memory, all its state included. */
export const memoryPerSocket: Figure = {
  id: "P4",
  title: "resident memory per idle authenticated device socket",
  async measure(context) {
    const { count, baseline } = context.plan.sockets;
    const load = await startLoad(context);
    const deployment = await startDeployment(context);
    context.progress(`enrolling ${count + baseline} devices`);
    const devices = await enrolDevices(deployment.access, count + baseline);
    const plain = await startFloor(context, "floor/socket-io-server");
    const bare = await startFloor(context, "floor/ws-server");
    const measure = (child: Child, crowd: Omit<Crowd, "url">) =>
      measureCrowd(context, { load, child, devices, crowd: { ...crowd, url: child.url } });
    const ws = await measure(bare, { kind: "ws" });
    const socketIo = await measure(plain, { kind: "socket.io" });
    const ours = await measure(deployment.gateways[0]!, { kind: "callseal", origin: deployment.access.publicUrl });
    return {
      rows: [
        valueRow("Callseal, resident", "KB", [ours.residentKb], count),
        valueRow("Callseal, heap", "KB", [ours.heapKb], count),
        valueRow("plain socket.io, resident", "KB", [socketIo.residentKb], count),
        valueRow("plain socket.io, heap", "KB", [socketIo.heapKb], count),
        valueRow("bare ws, resident", "KB", [ws.residentKb], count),
        valueRow("bare ws, heap", "KB", [ws.heapKb], count),
      ],
      goals: [
        ratioGoal(
          "resident, ours / plain socket.io",
          { ours: [ours.residentKb], reference: [socketIo.residentKb] },
          { atMost: 1 },
        ),
      ],
      notes: [
        `${count} sockets beyond the first ${baseline}, from 127.0.0.2 to 127.0.0.5 with a browser's headers, after forced garbage collection.`,
        ...describeBytes("Callseal", ours.bytes),
        ...describeBytes("plain socket.io", socketIo.bytes),
        `Connected a second: ours ${ours.perSecond}, plain socket.io ${socketIo.perSecond}, bare ws ${ws.perSecond}.`,
      ],
    };
  },
};

async function measureCrowd(
  context: FigureContext,
  parts: { load: RemoteCalls; child: Child; devices: BenchDevice[]; crowd: Crowd },
) {
  const { load, child, devices, crowd } = parts;
  const { count, baseline } = context.plan.sockets;
  const grow = async (more: BenchDevice[], expected: number) => {
    const open = await load.call<number>("openSockets", {
      ...crowd,
      count: more.length,
      ...(crowd.kind === "callseal" ? { devices: more } : {}),
    });
    if (open !== expected) throw new Error(`${expected} sockets were wanted and ${open} are open`);
    await delay(settleMs);
    return await child.calls.call<NodeJS.MemoryUsage>("memory");
  };
  const before = await grow(devices.slice(0, baseline), baseline);
  const heap = await openHeapDiary(context, child, crowd.kind);
  context.progress(`${crowd.kind}: ${count} sockets`);
  const startedAt = performance.now();
  const after = await grow(devices.slice(baseline), baseline + count);
  const seconds = (performance.now() - startedAt - settleMs) / 1000;
  const bytes = await heap?.finish(count);
  await load.call("closeSockets");
  return {
    bytes,
    residentKb: (after.rss - before.rss) / count / 1024,
    heapKb: (after.heapUsed - before.heapUsed) / count / 1024,
    perSecond: Math.round(count / seconds),
  };
}

/** With `--profile`: what the heap gained between two snapshots, object by object. */
async function openHeapDiary(context: FigureContext, child: Child, kind: CrowdKind) {
  const folder = context.profiles;
  if (folder === undefined) return undefined;
  await mkdir(folder, { recursive: true });
  const file = (when: string) => resolve(folder, `${kind}-${when}.heapsnapshot`);
  await child.calls.call("snapshot", file("before"));
  return {
    finish: async (sockets: number) => {
      await child.calls.call("snapshot", file("after"));
      return await summarizeGrowth({ before: file("before"), after: file("after") }, sockets);
    },
  };
}

function describeBytes(name: string, growth: Awaited<ReturnType<typeof summarizeGrowth>> | undefined): string[] {
  if (growth === undefined) return [];
  const total = growth.reduce((sum, { bytesPerSocket }) => sum + bytesPerSocket, 0);
  const largest = growth.slice(0, 24).map(({ name: what, perSocket, bytesPerSocket }) => {
    return `${what} ${Math.round(bytesPerSocket)} (${formatNumber(perSocket)})`;
  });
  return [`Heap bytes a socket of ${name}, ${Math.round(total)} in all, and how many objects: ${largest.join(", ")}.`];
}
