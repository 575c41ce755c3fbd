import { once } from "node:events";
import { createLogger } from "../../core/logging/create-logger.ts";
import { runUntilSignal } from "../../core/process/run-until-signal.ts";

/** A process part that has started when its standard input says something, and says itself what becomes of it. */
await runUntilSignal(async () => {
  process.stdout.write("starting\n");
  await once(process.stdin, "data");
  process.stdout.write("started\n");
  const close = async () => void process.stdout.write("closed\n");
  return { logger: createLogger({ level: "error", process: "test" }), running: { close } };
});
