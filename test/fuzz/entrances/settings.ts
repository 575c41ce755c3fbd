import { ConfigError, configSchema, loadConfig } from "../../../core/config/config.ts";
import { parseRedisUrl } from "../../../core/redis/parse-redis-url.ts";
import { createTenantDirectory, parseTenants } from "../../../core/tenants/tenant-directory.ts";
import { type Entrance, FuzzFinding } from "../entrance.ts";
import { hostileText, writeJson } from "../hostile-values.ts";
import { mutateText, mutateValue } from "../mutate-json.ts";
import type { FuzzRandom } from "../random.ts";
import { fuzzTenants } from "../tenants.ts";

const password = "fuzz-redis-password";
const redisUrls = [
  `redis://user:${password}@127.0.0.1:6379/2`,
  `rediss://:${password}@[::1]:6380`,
  `redis+sentinel://user:${password}@a:26379,b:26379/primary/1`,
  `redis+cluster://user:${password}@a:7000,b:7001`,
];
const tenants = { tenants: fuzzTenants("https://provider.test") };
const names = Object.keys(configSchema.shape);
const trustProxies = ["true", "2", "loopback, 10.0.0.0/8", "::1/128", "fe80::/10,127.0.0.1", "0x1", "1/33"];
const origins = [
  "https://callseal.fuzz",
  "http://localhost:8080/",
  "https://u:p@x",
  "https://x/?y",
  "https://[::1",
  "ftp://x",
];

/** The environment, REDIS_URL and the tenants file, in this process: usable, or a fault that is told without secrets. */
export const settings: Entrance = {
  name: "settings (in process)",
  weight: 7,
  async run({ random }) {
    switch (random.below(4)) {
      case 0:
        return readsRedisUrl(random);
      case 1:
        return readsEnvironment(random);
      default:
        return readsTenants(random);
    }
  },
};

function readsRedisUrl(random: FuzzRandom): string {
  const text = random.chance(0.9) ? mutateText(random, random.pick(redisUrls)) : hostileText(random);
  return expectFault("REDIS_URL", RangeError, { sent: text, work: () => parseRedisUrl(text) });
}

function readsEnvironment(random: FuzzRandom): string {
  const environment: Record<string, string> = {
    NODE_ENV: random.pick(["production", "development", "test", "x"]),
    REDIS_URL: random.pick(redisUrls),
    CALLSEAL_TRUST_PROXY: random.pick(trustProxies),
    CALLSEAL_PUBLIC_URL: random.pick(origins),
  };
  for (let time = 0; time < 1 + random.below(3); time += 1) {
    const name = random.chance(0.85) ? random.pick(names) : `CALLSEAL_${hostileText(random)}`;
    const value = environment[name] ?? "100";
    environment[name] = random.chance(0.5) ? hostileText(random) : mutateText(random, value);
  }
  return expectFault("environment", ConfigError, { sent: environment, work: () => loadConfig(environment) });
}

function readsTenants(random: FuzzRandom): string {
  const text = writeJson(mutateValue(random, tenants));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return "tenants no JSON";
  }
  return expectFault("tenants", ConfigError, { sent: text, work: () => createTenantDirectory(parseTenants(json)) });
}

function expectFault(
  what: string,
  fault: new (...args: never[]) => Error,
  { sent, work }: { sent: unknown; work: () => unknown },
): string {
  try {
    work();
    return `${what} usable`;
  } catch (error) {
    if (!(error instanceof fault)) throw new FuzzFinding(`${what}: ${String((error as Error).stack)}`, sent);
    if (error.message.includes(password)) throw new FuzzFinding(`${what}: the fault repeats a password`, sent);
    return `${what} refused`;
  }
}
