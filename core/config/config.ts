import ipaddr from "ipaddr.js";
import { z } from "zod";
import { parseRedisUrl } from "../redis/parse-redis-url.ts";

/** A fault of the environment, of a file it names, or of the tenants file: everything that is wrong, one line each. */
export class ConfigError extends Error {
  readonly faults: string[];

  constructor(title: string, faults: string[]) {
    super(`${title}\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
    this.name = "ConfigError";
    this.faults = faults;
  }
}

const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,12}$/, "is not a whole number")
    .transform(Number)
    .refine((value) => value >= least && value <= most, `is not within ${least} and ${most}`);

const origin = z
  .url({ protocol: /^https?$/, error: "is not an http(s) URL", abort: true })
  .refine(isBareOrigin, "is more than an origin: scheme, host and port are wanted")
  .transform((value) => new URL(value).origin);

function isBareOrigin(value: string): boolean {
  const { pathname, search, hash, username, password } = new URL(value);
  return ["", "/"].includes(pathname) && [search, hash, username, password].every((part) => part === "");
}

const trustProxy = z
  .string()
  .refine(isTrustProxy, "is none of true, false, a number of hops or a list of addresses")
  .transform((value) => {
    if (value === "true") return true;
    if (value === "false") return false;
    return /^\d+$/.test(value) ? Number(value) : value;
  });

/** What Express takes: it would throw at anything else, long after the configuration was called usable. */
function isTrustProxy(value: string): boolean {
  if (/^(true|false|\d{1,3})$/.test(value)) return true;
  return value.split(",").every((entry) => {
    const [address = "", mask, ...rest] = entry.trim().split("/");
    if (["loopback", "linklocal", "uniquelocal"].includes(entry.trim())) return true;
    const validMask = mask === undefined || /^\d{1,3}$/.test(mask) || ipaddr.isValid(mask);
    return ipaddr.isValid(address) && validMask && rest.length === 0;
  });
}

const redisUrl = z.string().superRefine((value, context) => {
  try {
    parseRedisUrl(value);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as RangeError).message });
  }
});

/** Every environment variable that Callseal reads (PROTOCOL §10), with its default and its meaning. */
export const configSchema = z.object({
  NODE_ENV: z
    .enum(["production", "development", "test"])
    .default("development")
    .describe("production refuses every development default"),
  PORT: wholeNumber(0, 65535)
    .optional()
    .describe("TCP port; 0 picks a free one; 8080 for the gateway, 8081 for the worker's health and metrics"),
  HOST: z.string().min(1).optional().describe("address to listen on; every interface when absent"),
  LOG_LEVEL: z
    .enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"])
    .default("info")
    .describe("least level that is logged"),
  REDIS_URL: redisUrl
    .optional()
    .describe("redis:, rediss:, redis+sentinel: or redis+cluster: URL; absent: a private redis-server (development)"),
  CALLSEAL_PUBLIC_URL: origin
    .optional()
    .describe("origin that apps and providers reach; default http://localhost:<port>"),
  CALLSEAL_CONFIG: z
    .string()
    .min(1)
    .optional()
    .describe("path of the tenants file; absent: a demo tenant with generated keys (development)"),
  CALLSEAL_SECRET: z
    .string()
    .refine((value) => Buffer.byteLength(value) >= 32, "is shorter than 32 bytes")
    .optional()
    .describe("derives session ids; absent: made once and kept in Redis (development)"),
  CALLSEAL_SIGNING_KEYS: z
    .string()
    .min(1)
    .optional()
    .describe(
      "private JWKS (ES256) for receipts and challenges, JSON or a path; absent: made once and kept in Redis (development)",
    ),
  CALLSEAL_TRUST_PROXY: trustProxy
    .default(false)
    .describe("Express' trust proxy: true, false, a number of hops or addresses"),
  CALLSEAL_DATA_FOLDER: z
    .string()
    .min(1)
    .default(".data")
    .describe("where the private redis-server of development keeps its data"),
  CALLSEAL_REDIS_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,32}$/, "is not 1 to 32 of A-Za-z0-9_-")
    .default("callseal")
    .describe("first part of every Redis key"),
  CALLSEAL_PARTITIONS: wholeNumber(1, 4096)
    .default(16)
    .describe("partitions of sessions and events; fixed for the life of a deployment"),
  CALLSEAL_SESSION_RETENTION_SECONDS: wholeNumber(130, 86_400)
    .default(900)
    .describe("how long a session can be read after its expiry"),
  CALLSEAL_OUTBOX_LIMIT: wholeNumber(1000, 10_000_000).default(25_000).describe("events kept a partition, at least"),
  CALLSEAL_MAX_SOCKETS: wholeNumber(1, 1_000_000)
    .default(20_000)
    .describe("sockets of devices and consoles that one gateway holds, handshakes under way included"),
  CALLSEAL_MAX_HANDSHAKES: wholeNumber(1, 1_000_000)
    .default(2000)
    .describe("WebSocket connections without a sign-in that one gateway holds, each for 10 s at most"),
  CALLSEAL_MAX_POLLS: wholeNumber(1, 1_000_000).default(25_000).describe("long polls that wait at one gateway"),
  CALLSEAL_MAX_REQUESTS: wholeNumber(1, 1_000_000)
    .default(5000)
    .describe("HTTP requests that one gateway answers at once, waiting polls apart, and as many requests of sockets"),
  CALLSEAL_MAX_CONNECTIONS: wholeNumber(1, 10_000_000)
    .optional()
    .describe("TCP connections of one gateway; absent: the sum of the four caps above and 1000"),
  CALLSEAL_EVENT_LOOP_DELAY_LIMIT_MS: wholeNumber(10, 60_000)
    .default(500)
    .describe("a process is not ready when work has waited longer for its event loop, on average, for 5 s"),
  CALLSEAL_DURABILITY_REPLICAS: wholeNumber(0, 5)
    .default(0)
    .describe("replicas that must have a confirmation before it is acknowledged (WAIT)"),
  CALLSEAL_WORKER_CONCURRENCY: wholeNumber(1, 1000)
    .default(50)
    .describe("calls that one worker moves at once, at most"),
  CALLSEAL_INTERCEPT_WINDOW_SECONDS: wholeNumber(1, 300)
    .default(30)
    .describe("how long after its confirmation a call can still profit from being moved; then it is given up"),
});

export type Config = z.output<typeof configSchema>;

/** Reads the environment once and reports every fault together; a misspelt CALLSEAL_ name is a fault too. */
export function loadConfig(environment: Readonly<Record<string, string | undefined>> = process.env): Config {
  const names = Object.keys(configSchema.shape);
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ""),
  );
  const faults = Object.keys(given)
    .filter((name) => name.startsWith("CALLSEAL_") && !names.includes(name))
    .map((name) => `${name}: is not a setting of Callseal`);
  const parsed = configSchema.safeParse(given);
  if (!parsed.success) faults.push(...parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`));
  if (given["NODE_ENV"] === "production") faults.push(...productionFaults(given));
  if (faults.length > 0) throw new ConfigError("The environment is not usable:", faults);
  return parsed.data!;
}

function productionFaults(given: Readonly<Record<string, unknown>>): string[] {
  const wanted = [
    "REDIS_URL",
    "CALLSEAL_PUBLIC_URL",
    "CALLSEAL_CONFIG",
    "CALLSEAL_SECRET",
    "CALLSEAL_SIGNING_KEYS",
  ] as const;
  return wanted.filter((name) => given[name] === undefined).map((name) => `${name}: is required in production`);
}
