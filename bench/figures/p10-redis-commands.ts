import { Redis } from "ioredis";
import type { Figure, Row } from "../figure.ts";
import { countCommands } from "../stack/count-commands.ts";
import { enrolDevices } from "../stack/enrol-devices.ts";
import { nameScripts } from "../stack/name-scripts.ts";
import { startDeployment } from "../stack/start-deployment.ts";
import { startLoad } from "../stack/start-load.ts";

/** CALLSEAL_OUTBOX_LIMIT, which stands in the scripts' text. */
const defaultOutboxLimit = 25_000;

/** P10: the Redis commands and bytes of one verification, as Redis itself counts them. */
export const redisCommands: Figure = {
  id: "P10",
  title: "Redis commands and bytes of a verification",
  async measure(context) {
    const { verifications, idleSeconds } = context.plan.commands;
    const load = await startLoad(context);
    const providerUrl = await load.call<string>("providerUrl");
    const { access, gateways } = await startDeployment(context, { workers: 1, providerUrl });
    const gatewayUrls = gateways.map(({ url }) => url);
    const devices = await enrolDevices(access, 1);
    await load.call("openVerifications", { name: "ours", access, devices, gatewayUrls, provider: "twilio" });
    const run = (count: number) => load.call("countVerifications", { name: "ours", verifications: count });
    await run(5);
    const redis = new Redis(access.redisUrl, { replyMapping: "legacy" });
    context.closeAfter(() => redis.disconnect());
    context.progress(`counting over ${verifications} verifications, idle time before`);
    const counted = await countCommands(redis, {
      verifications,
      run: () => run(verifications),
      idleSeconds,
      scripts: nameScripts(defaultOutboxLimit),
      prefix: access.prefix,
    });
    const row = (name: string, unit: Row["unit"], value: number): Row => {
      const rounded = Math.round(value * 100) / 100;
      return {
        name,
        unit,
        value: rounded,
        spread: { least: rounded, most: rounded },
        rounds: 1,
        samples: verifications,
      };
    };
    return {
      rows: [
        row("sent by gateway and worker", "commands", counted.sent),
        row("called inside scripts", "commands", counted.inScripts),
        row("bytes to Redis", "bytes", counted.bytesIn),
        row("bytes from Redis", "bytes", counted.bytesOut),
        ...counted.byName.map(({ name, count }) => row(`sent: ${name}`, "commands", count)),
      ],
      goals: [],
      notes: [
        "One verification at a time, with an idle worker beside it; what the same deployment sends idle in the same time is subtracted.",
        "docs/PERFORMANCE.md says what each of them is for.",
      ],
    };
  },
};
