import { enableCompileCache } from "node:module";
import { join } from "node:path";

/** The worker's process: `npm run start:worker`. */
// Compiled code is kept between starts, where the folder can be written; what is loaded before this is not.
enableCompileCache(join(import.meta.dirname, "..", "node_modules", ".cache", "compile"));
const { runProcess } = await import("../core/process/run-process.ts");
const { startWorker } = await import("./start-worker.ts");
await runProcess("worker", (config, logger) => startWorker(config, logger));
