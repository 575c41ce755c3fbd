import { Worker } from "bullmq";
import { Redis } from "ioredis";
import { Pool } from "undici";
import { floorQueue } from "./chain-settings.ts";
import { printReady, setting } from "./report-ready.ts";

/** The least worker that sends one request a job to the provider. */
const provider = new Pool(setting("FLOOR_PROVIDER_URL"), { connections: 64 });
const worker = new Worker<{ id: string }>(
  floorQueue,
  async ({ data }) => {
    const { body } = await provider.request({
      method: "POST",
      path: `/2010-04-01/Accounts/AC/Calls/${data.id}.json`,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "Method=POST&Url=https%3A%2F%2Fivr.callseal.bench%2Fverified",
    });
    await body.dump();
  },
  { connection: new Redis(setting("REDIS_URL"), { maxRetriesPerRequest: null }), concurrency: 50 },
);
await worker.waitUntilReady();
printReady(0);
