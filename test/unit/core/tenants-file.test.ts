import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../../core/config/config.ts";
import {
  createTenantDirectory,
  demoTenant,
  interceptMode,
  parseTenants,
  readTenantsFile,
} from "../../../core/tenants/tenant-directory.ts";

type Json = Record<string, unknown>;

const secretKey = "cs_test_hunter2hunter2";
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

function tenant(overrides: Json = {}): Json {
  return {
    id: "acme",
    name: "Acme Bank",
    apiKeys: [{ id: "ivr", key: secretKey, scopes: ["sessions"] }],
    ...overrides,
  };
}

/** The example of PROTOCOL §10, with its ellipses filled. */
const example: Json = tenant({
  defaultLocale: "en-US",
  apiKeys: [
    { id: "ivr", key: secretKey, scopes: ["sessions"] },
    { id: "ops", sha256: "a".repeat(64), scopes: ["admin", "metrics"] },
  ],
  policy: {
    ttlSeconds: 60,
    didDigits: 6,
    didCheckDigit: false,
    maxRetries: 3,
    maxReissues: 1,
    push: "match",
    late: "ignore",
    degraded: "fail-closed",
    incomingCall: "refuse",
  },
  limits: {
    sessionsPerMinutePerKey: 6000,
    sessionsPerMinutePerAni: 10,
    pollsPerMinutePerSession: 120,
    wrongDidsPer10Min: 5,
    offersPer10Min: 3,
    offersSinceConfirmation: 5,
    enrollmentsPerHourPerAddress: 20,
  },
  providers: {
    twilio: {
      mode: "direct",
      accountSid: `AC${"0".repeat(32)}`,
      authTokens: ["token"],
      apiBaseUrl: "https://api.twilio.com",
      successUrl: "https://ivr.acme.example/verified",
      failureUrl: "https://ivr.acme.example/unverified",
    },
    nice: {
      mode: "direct",
      tokenUrl: "https://cxone.example/token",
      apiBaseUrl: "https://api.cxone.example",
      apiVersion: "v30.0",
      accessKeyId: "id",
      accessKeySecret: "key",
    },
    generic: { mode: "webhook", url: "https://ivr.acme.example/ivr/intercept", secrets: [secret] },
  },
  webhooks: [
    { url: "https://siem.acme.example/events", secrets: [secret], events: ["wrong_did_burst", "intercept_failed"] },
  ],
});

function faultsOf(act: () => unknown): string[] {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).faults;
  }
  return [];
}

const parse = (...tenants: Json[]) => parseTenants({ tenants });

describe("a tenants file", () => {
  test("[C28] the example of PROTOCOL §10 is usable, and its defaults are those that the example shows", () => {
    const [given] = parse(example);
    const [bare] = parse(tenant());
    expect(bare!.policy).toEqual(given!.policy);
    expect(bare!.limits).toEqual(given!.limits);
    expect(bare!.defaultLocale).toBe("en-US");
    expect(bare!.allowInsecureTargets).toBe(false);
  });

  const at = (path: string, value: unknown): Json => {
    const copy = structuredClone(example);
    const names = path.split(".");
    let here: Json = copy;
    for (const name of names.slice(0, -1)) here = here[name] as Json;
    here[names.at(-1)!] = value;
    return copy;
  };

  const attacker: [path: string, value: unknown][] = [
    ["id", ""],
    ["id", "acme bank"],
    ["id", "acme:1"],
    ["id", "{acme}"],
    ["id", "a".repeat(65)],
    ["id", 7],
    ["id", null],
    ["name", ""],
    ["defaultLocale", "english, please"],
    ["defaultLocale", "../en"],
    ["policy.ttlSeconds", 9],
    ["policy.ttlSeconds", 301],
    ["policy.ttlSeconds", 60.5],
    ["policy.ttlSeconds", "60"],
    ["policy.ttlSeconds", Number.POSITIVE_INFINITY],
    ["policy.didDigits", 5],
    ["policy.didDigits", 9],
    ["policy.didCheckDigit", "true"],
    ["policy.maxRetries", 0],
    ["policy.maxReissues", -1],
    ["policy.push", "Match"],
    ["policy.late", "always"],
    ["policy.degraded", "fail_open"],
    ["policy.incomingCall", true],
    ["policy.ttlSecond", 60],
    ["limits.wrongDidsPer10Min", 0],
    ["limits.wrongDidsPerHour", 5],
    ["apiKeys", []],
    ["apiKeys.0.scopes", []],
    ["apiKeys.0.scopes", ["root"]],
    ["apiKeys.0.sha256", "a".repeat(64)],
    ["apiKeys.0.key", "short"],
    ["apiKeys.1.sha256", "A".repeat(64)],
    ["apiKeys.1.sha256", "a".repeat(63)],
    ["apiKeys.1.id", "ivr"],
    ["providers.twilio.mode", "push"],
    ["providers.twilio.accountSid", "SK00000000000000000000000000000000"],
    ["providers.twilio.authTokens", []],
    ["providers.twilio.authTokens", "hunter2"],
    ["providers.twilio.apiBaseUrl", "api.twilio.com"],
    ["providers.twilio.apiBaseUrl", "file:///etc/passwd"],
    ["providers.twilio.successUrl", "javascript:alert(1)"],
    ["providers.nice.apiVersion", "../v30.0"],
    ["providers.nice.accessKeySecret", ""],
    ["providers.genesys", { mode: "direct" }],
    ["providers.generic.secrets", ["hunter2hunter2"]],
    ["providers.generic.secrets", []],
    ["providers.generic.url", "not a url"],
    ["providers.generic.waitCapSeconds", 3600],
    ["providers.amazon", { mode: "none" }],
    ["webhooks", [{ url: "https://x.example", secrets: [secret], events: [] }]],
    ["webhooks", [{ url: "https://x.example", secrets: [secret], events: ["Wrong DID"] }]],
    ["allowInsecureTargets", "yes"],
    ["allowInsecureTarget", true],
    ["oidc", { issuer: "https://login.acme.example", audience: "callseal" }],
  ];

  test.each(attacker)("[C28] %s = %j is a fault at that path, without a secret in it", (path, value) => {
    const faults = faultsOf(() => parse(at(path, value)));
    expect(faults.length).toBeGreaterThan(0);
    const place = path.split(".")[0]!;
    for (const fault of faults) expect(fault).toMatch(new RegExp(`^tenants\\.0(\\.${place}|: .*"${place}")`));
    expect(faults.join()).not.toMatch(/hunter2|whsec_M/);
  });

  test.each([null, [], "tenants", 7, {}, { tenants: [] }, { tenants: {} }, { tenants: [null] }, { tenant: [] }])(
    "[C28] %j is no tenants file",
    (attacker) => {
      expect(faultsOf(() => parseTenants(attacker)).length).toBeGreaterThan(0);
    },
  );

  test("[C28] names of the prototype are faults or nothing, and change no other object", () => {
    for (const name of ["__proto__", "constructor", "toString"]) {
      const text = JSON.stringify(tenant()).replace("{", `{${JSON.stringify(name)}:{"allowInsecureTargets":true},`);
      const attacker = JSON.parse(`{"tenants":[${text}]}`) as unknown;
      let parsed: ReturnType<typeof parseTenants> | undefined;
      const faults = faultsOf(() => {
        parsed = parseTenants(attacker);
      });
      if (faults.length === 0) expect(parsed?.[0]?.allowInsecureTargets, name).toBe(false);
      expect(({} as Json)["allowInsecureTargets"]).toBeUndefined();
    }
  });

  test("[C28] every fault is reported together, each by its path", () => {
    const faults = faultsOf(() =>
      parse(tenant({ id: "", policy: { ttlSeconds: 1, push: "x" } }), tenant({ id: "globex", apiKeys: [] })),
    );
    const paths = faults.map((fault) => fault.split(":")[0]).sort();
    expect(paths).toEqual([
      "tenants.0.id",
      "tenants.0.policy.push",
      "tenants.0.policy.ttlSeconds",
      "tenants.1.apiKeys",
    ]);
  });

  test("[C28] two tenants share neither their id nor their Twilio account", () => {
    expect(faultsOf(() => parse(tenant(), tenant()))).toEqual(["tenants.1.id: is not unique"]);
    const other = { ...example, id: "globex" };
    expect(faultsOf(() => parse(example, other))).toEqual(["tenants.1.providers.twilio.accountSid: is not unique"]);
  });
});

describe("reading it from disk", () => {
  test("[C28] a file that cannot be read or is no JSON is one fault, without its content", async () => {
    const folder = await mkdtemp(join(tmpdir(), "callseal-tenants-"));
    try {
      const path = join(folder, "tenants.json");
      expect(faultsOf(() => readTenantsFile(path))).toEqual([`${path}: cannot be read (ENOENT)`]);
      await writeFile(path, `{"tenants": [{"key": "${secretKey}" oops`);
      expect(faultsOf(() => readTenantsFile(path))).toEqual([`${path}: is not JSON`]);
      await writeFile(path, JSON.stringify({ tenants: [tenant()] }));
      expect(readTenantsFile(path)[0]!.id).toBe("acme");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("the directory", () => {
  const directory = createTenantDirectory(parse(example));

  test("[C29] a tenant is found by id, by key whether in clear or hashed, and by Twilio account", () => {
    expect(directory.byId("acme")?.name).toBe("Acme Bank");
    expect(directory.byApiKey(secretKey)).toMatchObject({ keyId: "ivr", scopes: ["sessions"] });
    expect(directory.byAccountSid(`AC${"0".repeat(32)}`)?.id).toBe("acme");
    expect(directory.clearKeys).toEqual(["acme/ivr"]);
    const hashed = { id: "ops", sha256: createHash("sha256").update("the key").digest("hex"), scopes: ["admin"] };
    expect(createTenantDirectory(parse(tenant({ apiKeys: [hashed] }))).byApiKey("the key")?.keyId).toBe("ops");
  });

  const attacker = [
    "",
    " ",
    `${secretKey} `,
    secretKey.toUpperCase(),
    "a".repeat(64),
    "__proto__",
    "constructor",
    "\u0000",
  ];

  test.each(attacker)("[C29] %j is no key, no id and no account", (text) => {
    expect(directory.byApiKey(text)).toBeUndefined();
    expect(directory.byId(text)).toBeUndefined();
    expect(directory.byAccountSid(text)).toBeUndefined();
  });

  test("[C29] a key that is used twice is a fault, every one of them, in clear or hashed", () => {
    const hashed = createHash("sha256").update(secretKey).digest("hex");
    const tenants = parse(
      tenant(),
      tenant({ id: "globex" }),
      tenant({ id: "initech", apiKeys: [{ id: "ivr", sha256: hashed, scopes: ["admin"] }] }),
    );
    const faults = faultsOf(() => createTenantDirectory(tenants));
    expect(faults).toEqual(["globex/ivr: this API key is used twice", "initech/ivr: this API key is used twice"]);
  });

  test("[C29] a provider that is not configured, and the agent, have mode none", () => {
    const [acme] = parse(example);
    expect(interceptMode(acme!, "twilio")).toBe("direct");
    expect(interceptMode(acme!, "generic")).toBe("webhook");
    expect(interceptMode(acme!, "five9")).toBe("none");
    expect(interceptMode(acme!, "agent")).toBe("none");
  });

  test("[C29] the demo tenant is a usable tenant", () => {
    const [demo] = parse(demoTenant({ sessions: "cs_demo_sessions_x", admin: "cs_demo_admin_x" }) as unknown as Json);
    expect(demo!.id).toBe("demo");
  });
});
