import { describe, expect, test } from "vitest";
import { ConfigError, loadConfig } from "../../../core/config/config.ts";

type Environment = Record<string, string | undefined>;

function faultsOf(environment: Environment): string[] {
  try {
    loadConfig(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).faults;
  }
  return [];
}

const secret = "hunter2-hunter2-hunter2-hunter2-hunter2";
const production: Environment = {
  NODE_ENV: "production",
  REDIS_URL: "redis://redis.internal:6379",
  CALLSEAL_PUBLIC_URL: "https://verify.acme.example",
  CALLSEAL_CONFIG: "/etc/callseal/tenants.json",
  CALLSEAL_SECRET: secret,
  CALLSEAL_SIGNING_KEYS: "/etc/callseal/keys.json",
};

describe("the environment", () => {
  test("[C26] an empty one is a development deployment on its defaults", () => {
    expect(loadConfig({})).toMatchObject({
      NODE_ENV: "development",
      LOG_LEVEL: "info",
      CALLSEAL_REDIS_PREFIX: "callseal",
      CALLSEAL_PARTITIONS: 16,
      CALLSEAL_TRUST_PROXY: false,
    });
  });

  test("[C26] an empty value is an absent one, and names of others are not ours", () => {
    expect(loadConfig({ PORT: "", CALLSEAL_SECRET: "", PATH: "/bin", TWILIO_AUTH_TOKEN: "x" }).PORT).toBeUndefined();
  });

  test("[C26] a whole production environment is usable", () => {
    expect(faultsOf(production)).toEqual([]);
  });

  const attacker: [name: string, value: string, fault: string][] = [
    ["NODE_ENV", "staging", "NODE_ENV"],
    ["NODE_ENV", "Production", "NODE_ENV"],
    ["PORT", "-1", "PORT"],
    ["PORT", "65536", "PORT"],
    ["PORT", "8080.5", "PORT"],
    ["PORT", "0x50", "PORT"],
    ["PORT", "1e3", "PORT"],
    ["PORT", " 80", "PORT"],
    ["PORT", "eighty", "PORT"],
    ["LOG_LEVEL", "loud", "LOG_LEVEL"],
    ["CALLSEAL_PUBLIC_URL", "verify.acme.example", "CALLSEAL_PUBLIC_URL"],
    ["CALLSEAL_PUBLIC_URL", "ftp://verify.acme.example", "CALLSEAL_PUBLIC_URL"],
    ["CALLSEAL_PUBLIC_URL", "javascript:alert(1)", "CALLSEAL_PUBLIC_URL"],
    ["CALLSEAL_PUBLIC_URL", "https://verify.acme.example/base", "CALLSEAL_PUBLIC_URL"],
    ["CALLSEAL_PUBLIC_URL", "https://verify.acme.example/?tenant=1", "CALLSEAL_PUBLIC_URL"],
    ["CALLSEAL_PUBLIC_URL", "https://verify.acme.example/#x", "CALLSEAL_PUBLIC_URL"],
    ["CALLSEAL_PUBLIC_URL", "https://user:hunter2@verify.acme.example", "CALLSEAL_PUBLIC_URL"],
    ["CALLSEAL_SECRET", "hunter2", "CALLSEAL_SECRET"],
    ["CALLSEAL_SECRET", "hunter2".padEnd(31, "x"), "CALLSEAL_SECRET"],
    ["CALLSEAL_REDIS_PREFIX", "a:b", "CALLSEAL_REDIS_PREFIX"],
    ["CALLSEAL_REDIS_PREFIX", "{a}", "CALLSEAL_REDIS_PREFIX"],
    ["CALLSEAL_PARTITIONS", "0", "CALLSEAL_PARTITIONS"],
    ["CALLSEAL_PARTITIONS", "5000", "CALLSEAL_PARTITIONS"],
    ["CALLSEAL_SESSION_RETENTION_SECONDS", "1", "CALLSEAL_SESSION_RETENTION_SECONDS"],
    ["CALLSEAL_DURABILITY_REPLICAS", "9", "CALLSEAL_DURABILITY_REPLICAS"],
    ["CALLSEAL_TRUST_PROXY", "yes", "CALLSEAL_TRUST_PROXY"],
    ["CALLSEAL_TRUST_PROXY", "10.0.0.0/8, hunter2", "CALLSEAL_TRUST_PROXY"],
    ["CALLSEAL_TRUST_PROXY", "10.0.0.0/8/8", "CALLSEAL_TRUST_PROXY"],
    ["CALLSEAL_SECRT", "hunter2", "CALLSEAL_SECRT"],
    ["CALLSEAL_", "hunter2", "CALLSEAL_"],
    ["CALLSEAL___proto__", "hunter2", "CALLSEAL___proto__"],
    ["CALLSEAL_constructor", "hunter2", "CALLSEAL_constructor"],
    ["REDIS_URL", "redis.internal:6379", "REDIS_URL"],
    ["REDIS_URL", "http://:hunter2@redis.internal", "REDIS_URL"],
    ["REDIS_URL", "redis://:hunter2%zz@redis.internal", "REDIS_URL"],
    ["REDIS_URL", "redis://:hunter2@redis.internal:99999", "REDIS_URL"],
    ["REDIS_URL", "redis://:hunter2@redis.internal:0", "REDIS_URL"],
    ["REDIS_URL", "redis://:hunter2@redis.internal/zero", "REDIS_URL"],
    ["REDIS_URL", "redis://:hunter2@a,b", "REDIS_URL"],
    ["REDIS_URL", "redis+cluster://:hunter2@a:1,:2", "REDIS_URL"],
    ["REDIS_URL", "redis+cluster://a:1/3", "REDIS_URL"],
    ["REDIS_URL", "redis+sentinel://:hunter2@a:1", "REDIS_URL"],
    ["REDIS_URL", "redis+sentinel://a:1/primary/x", "REDIS_URL"],
    ["REDIS_URL", "redis+sentinel://a:1/primary/0/1", "REDIS_URL"],
  ];

  test.each(attacker)("[C26] %s=%s is one fault that names the setting", (name, value, fault) => {
    const faults = faultsOf({ [name]: value });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(new RegExp(`^${fault}: `));
    expect(faults.join()).not.toContain("hunter2");
  });

  test.each([
    ["CALLSEAL_TRUST_PROXY", "true", true],
    ["CALLSEAL_TRUST_PROXY", "2", 2],
    ["CALLSEAL_TRUST_PROXY", "loopback, 10.0.0.0/8, fd00::/8", "loopback, 10.0.0.0/8, fd00::/8"],
    ["CALLSEAL_PUBLIC_URL", "https://verify.acme.example/", "https://verify.acme.example"],
    ["CALLSEAL_PUBLIC_URL", "HTTPS://Verify.Acme.Example:443", "https://verify.acme.example"],
    ["CALLSEAL_SECRET", "é".repeat(16), "é".repeat(16)],
    ["PORT", "0", 0],
  ])("[C26] %s=%s is taken", (name, value, wanted) => {
    expect(loadConfig({ [name]: value })[name as "PORT"]).toBe(wanted);
  });

  test("[C26] every fault is reported together, those of production too, and no value is repeated", () => {
    const faults = faultsOf({
      NODE_ENV: "production",
      PORT: "hunter2",
      LOG_LEVEL: "hunter2",
      CALLSEAL_SECRET: "hunter2",
      CALLSEAL_SECRT: "hunter2",
      CALLSEAL_PUBLIC_URL: "hunter2",
      REDIS_URL: "hunter2",
    });
    const names = faults.map((fault) => fault.split(":")[0]).sort();
    expect(names).toEqual([
      "CALLSEAL_CONFIG",
      "CALLSEAL_PUBLIC_URL",
      "CALLSEAL_SECRET",
      "CALLSEAL_SECRT",
      "CALLSEAL_SIGNING_KEYS",
      "LOG_LEVEL",
      "PORT",
      "REDIS_URL",
    ]);
    expect(faults.join()).not.toContain("hunter2");
  });

  test.each(["REDIS_URL", "CALLSEAL_PUBLIC_URL", "CALLSEAL_CONFIG", "CALLSEAL_SECRET", "CALLSEAL_SIGNING_KEYS"])(
    "[C26] production refuses to start without %s",
    (name) => {
      expect(faultsOf({ ...production, [name]: undefined })).toEqual([`${name}: is required in production`]);
      expect(faultsOf({ ...production, [name]: "" })).toEqual([`${name}: is required in production`]);
    },
  );
});
