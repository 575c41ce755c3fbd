import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

/** The gateway's process: `npm run start:gateway`. */
// Compiled code is kept between starts, where the folder can be written; what is loaded before this is not.
enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/compile", import.meta.url)));
const { runGateway } = await import("./run-gateway.ts");
await runGateway();
