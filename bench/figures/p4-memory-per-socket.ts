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
/** A process may hold 20,000 descriptors on many machines, and needs a few for other things. */
const mostPerProcess = 17_000;

interface Crowd {
  kind: CrowdKind;
  origin?: string;
}

/** A server that is measured, and the process of clients that fills it. */
interface Pair {
  child: Child;
  load: RemoteCalls;
  devices: BenchDevice[];
}

/** P4: what an idle, authenticated device socket costs in resident memory, all its state included. */
export const memoryPerSocket: Figure = {
  id: "P4",
  title: "resident memory per idle authenticated device socket",
  async measure(context) {
    const { count, baseline } = context.plan.sockets;
    const processes = Math.ceil((count + baseline) / mostPerProcess);
    const started = <One>(start: () => Promise<One>) => Promise.all(Array.from({ length: processes }, start));
    const loads = await started(() => startLoad(context));
    const deployment = await startDeployment(context, { gateways: processes });
    const each = Math.ceil(count / processes) + baseline;
    context.progress(`enrolling ${each * processes} devices`);
    const devices = await enrolDevices(deployment.access, each * processes);
    const plain = await started(() => startFloor(context, "floor/socket-io-server"));
    const bare = await started(() => startFloor(context, "floor/ws-server"));
    const measure = (children: Child[], crowd: Crowd) => {
      const pairs = children.map((child, index) => ({
        child,
        load: loads[index]!,
        devices: devices.slice(index * each, (index + 1) * each),
      }));
      return measureCrowd(context, pairs, crowd);
    };
    const ws = await measure(bare, { kind: "ws" });
    const socketIo = await measure(plain, { kind: "socket.io" });
    const ours = await measure(deployment.gateways, { kind: "callseal", origin: deployment.access.publicUrl });
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
        `${count} sockets over ${processes} ${processes === 1 ? "process" : "processes"} beyond the first ${baseline} of each, from 127.0.0.2 to 127.0.0.5 with a browser's headers, after forced garbage collection.`,
        ...describeBytes("Callseal", ours.bytes),
        ...describeBytes("plain socket.io", socketIo.bytes),
        `Connected a second: ours ${ours.perSecond}, plain socket.io ${socketIo.perSecond}, bare ws ${ws.perSecond}.`,
      ],
    };
  },
};

async function measureCrowd(context: FigureContext, pairs: readonly Pair[], crowd: Crowd) {
  const { baseline } = context.plan.sockets;
  const grow = async (from: number, to: number) => {
    await Promise.all(pairs.map((pair) => openSockets(pair, crowd, { from, to })));
    await delay(settleMs);
    const memories = await Promise.all(pairs.map(({ child }) => child.calls.call<NodeJS.MemoryUsage>("memory")));
    const sum = (of: (memory: NodeJS.MemoryUsage) => number) => memories.reduce((bytes, one) => bytes + of(one), 0);
    return { rss: sum(({ rss }) => rss), heapUsed: sum(({ heapUsed }) => heapUsed) };
  };
  const before = await grow(0, baseline);
  const heap = await openHeapDiary(context, pairs[0]!.child, crowd.kind);
  const each = pairs[0]!.devices.length;
  const count = (each - baseline) * pairs.length;
  context.progress(`${crowd.kind}: ${count} sockets`);
  const startedAt = performance.now();
  const after = await grow(baseline, each);
  const seconds = (performance.now() - startedAt - settleMs) / 1000;
  const bytes = await heap?.finish(each - baseline);
  await Promise.all(pairs.map(({ load }) => load.call("closeSockets")));
  return {
    bytes,
    residentKb: (after.rss - before.rss) / count / 1024,
    heapKb: (after.heapUsed - before.heapUsed) / count / 1024,
    perSecond: Math.round(count / seconds),
  };
}

/** Opens the sockets of the pair's devices `from` to `to`, where those before are open already. */
async function openSockets(
  { load, child, devices }: Pair,
  crowd: Crowd,
  { from, to }: { from: number; to: number },
): Promise<void> {
  const open = await load.call<number>("openSockets", {
    ...crowd,
    url: child.url,
    count: to - from,
    ...(crowd.kind === "callseal" ? { devices: devices.slice(from, to) } : {}),
  });
  if (open !== to) throw new Error(`${to} sockets were wanted and ${open} are open`);
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
