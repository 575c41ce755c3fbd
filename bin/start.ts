import { runProcess } from "../core/process/run-process.ts";
import { startGateway } from "../server/start-gateway.ts";
import { startWorker } from "../worker/start-worker.ts";

/** `npm start`: gateway, worker and, without `REDIS_URL`, a private Redis in one process. For a developer's machine. */
await runProcess("callseal", async (config, logger) => {
  const gateway = await startGateway(config, logger);
  const worker = await startWorker({ ...config, PORT: undefined, CALLSEAL_PUBLIC_URL: gateway.url }, logger);
  return {
    close: async () => {
      await gateway.close();
      await worker.close();
    },
  };
});
