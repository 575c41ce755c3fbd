import { enableCompileCache } from "node:module";
import { join } from "node:path";

/** The gateway's process: `npm run start:gateway`. */
// Compiled code is kept between starts, where the folder can be written; what is loaded before this is not.
enableCompileCache(join(import.meta.dirname, "..", "node_modules", ".cache", "compile"));
const { runProcess } = await import("../core/process/run-process.ts");
const { startGateway } = await import("./start-gateway.ts");
await runProcess("gateway", (config, logger) => startGateway(config, logger));
