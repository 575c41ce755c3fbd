import { performance } from "node:perf_hooks";

const sampleMs = 25;
const defaultWindowMs = 1000;
/** Windows in a row that are late before the process says so: one long garbage collection, or a start, is none. */
const windowsKept = 5;

export interface EventLoopReading {
  /** How long what arrives at a random moment waits for its turn, on average over the last windows. */
  waitSeconds: number;
  /** The longest stall of the last windows. */
  longestSeconds: number;
  /** Share of the time that the loop was busy, 0 to 1. */
  utilization: number;
}

export interface EventLoopWatch {
  read(): EventLoopReading;
  /** `ok`, or what is wrong in a few words: work has waited too long in every one of the last five windows. */
  check(): string;
  close(): void;
}

export interface EventLoopOptions {
  /** Average wait, in milliseconds, above which a window is late. */
  limitMs: number;
  /** Length of a window. Default 1000. */
  windowMs?: number;
}

interface Window {
  waitMs: number;
  longestMs: number;
  utilization: number;
}

/**
 * Watches how long work waits for the event loop, over sliding windows of a second. A stall of S counts by its square,
 * since S says how likely something arrives in it and how long that then waits: half of S on average. Node's own
 * `monitorEventLoopDelay` counts a stall of seconds as one sample among hundreds, and drops the interval in which it is
 * reset, which for a loop that is late is all of them.
 */
export function watchEventLoop(options: EventLoopOptions): EventLoopWatch {
  const { limitMs, windowMs = defaultWindowMs } = options;
  const windows: Window[] = [];
  let current = startWindow();
  let sampledAt = current.startedAt;
  const timer = setInterval(() => {
    const now = performance.now();
    const stalledMs = Math.max(0, now - sampledAt - sampleMs);
    sampledAt = now;
    current.squares += stalledMs ** 2;
    current.longestMs = Math.max(current.longestMs, stalledMs);
    if (now - current.startedAt < windowMs) return;
    windows.push(endWindow(current, now));
    if (windows.length > windowsKept) windows.shift();
    current = startWindow();
  }, sampleMs);
  timer.unref();
  const average = (pick: (window: Window) => number) =>
    windows.length === 0 ? 0 : windows.reduce((sum, window) => sum + pick(window), 0) / windows.length;
  return {
    read: () => ({
      waitSeconds: average(({ waitMs }) => waitMs) / 1000,
      longestSeconds: Math.max(0, ...windows.map(({ longestMs }) => longestMs)) / 1000,
      utilization: average(({ utilization }) => utilization),
    }),
    check: () => {
      const late = windows.length === windowsKept && windows.every(({ waitMs }) => waitMs > limitMs);
      return late ? `work waits ${Math.round(average(({ waitMs }) => waitMs))} ms for the event loop` : "ok";
    },
    close: () => clearInterval(timer),
  };
}

function startWindow() {
  return {
    startedAt: performance.now(),
    busy: performance.eventLoopUtilization(),
    squares: 0,
    longestMs: 0,
  };
}

function endWindow(window: ReturnType<typeof startWindow>, now: number): Window {
  return {
    waitMs: window.squares / 2 / (now - window.startedAt),
    longestMs: window.longestMs,
    utilization: performance.eventLoopUtilization(window.busy).utilization,
  };
}
