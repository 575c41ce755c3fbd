import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type EmbeddedRedis, type EmbeddedRedisOptions, startEmbeddedRedis } from "../../core/redis/embedded-redis.ts";

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function started(options: EmbeddedRedisOptions = {}): Promise<EmbeddedRedis> {
  const redis = await startEmbeddedRedis(options);
  cleanups.push(() => redis.close());
  return redis;
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "callseal-test-"));
  cleanups.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function withClient<T>(url: string, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { retryStrategy: () => null });
  client.on("error", () => undefined);
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}

/** A zombie that init has not reaped yet is as dead as can be. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/\) [ZX] /.test(stat);
}

/** A real process that owns a Redis, and what it said about it. */
async function startOwner(dataFolder: string, path = process.env["PATH"]) {
  const script = fileURLToPath(new URL("embedded-redis-owner.ts", import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [script, dataFolder], {
    env: { ...process.env, PATH: path },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface(child.stdout!), "line")) as [string];
  return { child, ...(JSON.parse(line) as { pid: number; url: string }) };
}

async function killOwner(owner: Awaited<ReturnType<typeof startOwner>>): Promise<void> {
  owner.child.kill("SIGKILL");
  await once(owner.child, "exit");
  await vi.waitFor(async () => {
    expect(await isAlive(owner.pid), "the server is gone with its owner").toBe(false);
  }, 5_000);
}

/** A PATH on which only the named commands exist. */
async function pathWith(...commands: string[]): Promise<string> {
  const bin = await folder();
  for (const command of commands) {
    const found = (process.env["PATH"] ?? "").split(":").map((part) => join(part, command));
    for (const candidate of found) {
      if (
        await readFile(candidate).then(
          () => true,
          () => false,
        )
      ) {
        await symlink(candidate, join(bin, command));
        break;
      }
    }
  }
  return bin;
}

describe("embedded Redis", () => {
  test("[P1] eight start in parallel, each on a port of its own", async () => {
    const servers = await Promise.all(Array.from({ length: 8 }, () => started()));
    expect(new Set(servers.map((server) => server.port)).size).toBe(8);
    const answers = await Promise.all(servers.map(({ url }) => withClient(url, (client) => client.ping())));
    expect(answers).toEqual(Array(8).fill("PONG"));
  });

  test("[P1] delayed jobs are punctual: hz is 100, and nothing is ever evicted", async () => {
    const { url } = await started();
    await withClient(url, async (client) => {
      expect(await client.config("GET", "hz")).toEqual(["hz", "100"]);
      expect(await client.config("GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "noeviction"]);
    });
  });

  test("[P2] without the password nothing is answered, and the password is in no process list", async () => {
    const { url, pid, port } = await started();
    const open = await withClient(`redis://127.0.0.1:${port}`, (client) => client.ping().catch(String));
    expect(open).toContain("NOAUTH");
    const { password } = new URL(url);
    expect(password.length).toBeGreaterThanOrEqual(32);
    expect(await readFile(`/proc/${pid}/cmdline`, "utf8")).not.toContain(password);
    expect(await readFile(`/proc/${pid}/environ`, "utf8")).not.toContain(password);
  });

  test("[P2] it listens on 127.0.0.1 and on no other address", async () => {
    const { port } = await started();
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ family, internal }) => family === "IPv4" && !internal)
      .map(({ address }) => address);
    for (const host of [...others, "127.0.0.2"]) {
      const socket = connect(port, host);
      const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
      expect(error.code).toBe("ECONNREFUSED");
    }
  });

  test("[P3] a killed owner takes its server along, and the data are there for the next one", async () => {
    const dataFolder = await folder();
    const owner = await startOwner(dataFolder);
    await withClient(owner.url, (client) => client.set("kept", "yes"));
    await killOwner(owner);

    const { url } = await started({ dataFolder });
    expect(await withClient(url, (client) => client.get("kept"))).toBe("yes");
  });

  test("[P3] a killed owner takes its server along where setpriv is missing", async () => {
    const owner = await startOwner(await folder(), await pathWith("redis-server", "valkey-server", "sh"));
    expect(await isAlive(owner.pid)).toBe(true);
    await killOwner(owner);
  });

  test("[P3] data survive close and a new start in the same folder", async () => {
    const dataFolder = await folder();
    const first = await started({ dataFolder });
    await withClient(first.url, (client) => client.set("kept", "yes"));
    await first.close();
    const second = await started({ dataFolder });
    expect(await withClient(second.url, (client) => client.get("kept"))).toBe("yes");
  });

  test("[P3] a data folder in use is refused, and its server goes on", async () => {
    const dataFolder = await folder();
    const { url, pid } = await started({ dataFolder });
    await expect(startEmbeddedRedis({ dataFolder })).rejects.toThrow(`process id ${pid}`);
    expect(await withClient(url, (client) => client.ping())).toBe("PONG");
  });

  test("[P3] a pid file left by a crash, or full of nonsense, stops nobody", async () => {
    for (const attacker of [`${process.pid}\n`, "999999999\n", "-1\n", "0\n", "\u0000redis", ""]) {
      const dataFolder = await folder();
      await writeFile(join(dataFolder, "redis.pid"), attacker);
      const redis = await started({ dataFolder });
      await redis.close();
    }
  });

  test("close may be called again, and leaves neither process nor temporary folder", async () => {
    const redis = await started();
    const dir = await withClient(redis.url, (client) => client.config("GET", "dir") as Promise<string[]>);
    await Promise.all([redis.close(), redis.close()]);
    await redis.exited;
    expect(await isAlive(redis.pid)).toBe(false);
    await expect(readFile(dir[1]!)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("a server that dies by itself is reported", async () => {
    const redis = await started();
    process.kill(redis.pid, "SIGKILL");
    await redis.exited;
    await redis.close();
  });

  test("a setting that Redis refuses is shown with Redis' own words", async () => {
    await expect(startEmbeddedRedis({ extra: { "no-such-setting": "1" } })).rejects.toThrow(/no-such-setting/);
  });

  test("a folder with a space and a quote in its name is only a folder", async () => {
    const dataFolder = join(await folder(), 'my "own" data\\folder');
    const { url } = await started({ dataFolder });
    const dir = await withClient(url, (client) => client.config("GET", "dir"));
    expect(dir).toEqual(["dir", dataFolder]);
  });

  test("[P4] without any server binary the error says what to type", async () => {
    const bin = await folder();
    const script = join(bin, "start.mjs");
    const source = new URL("../../core/redis/embedded-redis.ts", import.meta.url);
    await writeFile(
      script,
      `import { startEmbeddedRedis } from ${JSON.stringify(source.href)};
       await startEmbeddedRedis().catch((error) => process.stdout.write(error.message));`,
    );
    await chmod(script, 0o600);
    const child = spawn(process.execPath, [script], { env: { PATH: bin }, stdio: ["ignore", "pipe", "inherit"] });
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    expect(said.toString()).toContain("apt-get install redis-server");
    expect(said.toString()).toContain("REDIS_URL");
  });
});
