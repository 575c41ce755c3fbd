import { describe, expect, test } from "vitest";
import { parseRedisUrl } from "../../../core/redis/parse-redis-url.ts";

const nobody = { username: "", password: "" };

describe("a Redis URL", () => {
  test.each([
    "redis://localhost",
    "redis://localhost:6379/",
    "redis://127.0.0.1:6379/15",
    "rediss://user:p%40ss@redis.example:6380/0?family=6",
    "redis://[::1]:6379",
  ])("[C27] %s is one server", (url) => {
    expect(parseRedisUrl(url)).toEqual({ kind: "standalone", url });
  });

  test("[C27] a cluster is some of its nodes", () => {
    expect(parseRedisUrl("redis+cluster://a:7000,b,[::1]:7002")).toEqual({
      kind: "cluster",
      hosts: [
        { host: "a", port: 7000 },
        { host: "b", port: 6379 },
        { host: "::1", port: 7002 },
      ],
      tls: false,
      ...nobody,
    });
    expect(parseRedisUrl("rediss+cluster://a")).toMatchObject({ kind: "cluster", tls: true });
  });

  test("[C27] Sentinel is its sentinels and the name of the primary", () => {
    const hosts = [
      { host: "s1", port: 26379 },
      { host: "s2", port: 26379 },
    ];
    const primary = { kind: "sentinel", hosts, name: "mymaster", ...nobody };
    expect(parseRedisUrl("redis+sentinel://s1:26379,s2:26379/mymaster")).toEqual({ ...primary, db: 0 });
    expect(parseRedisUrl("redis+sentinel://s1:26379,s2:26379/mymaster/3")).toEqual({ ...primary, db: 3 });
  });

  test.each([
    [":secret", "", "secret"],
    ["user:secret", "user", "secret"],
    ["user", "user", ""],
    ["user:with:colons", "user", "with:colons"],
    ["user:p%40%2F%3A%3F", "user", "p@/:?"],
  ])("[C27] the credentials %s are a name and a password", (credentials, username, password) => {
    expect(parseRedisUrl(`redis+cluster://${credentials}@a:1`)).toMatchObject({ username, password });
    expect(parseRedisUrl(`redis+sentinel://${credentials}@a:1/primary`)).toMatchObject({ username, password });
  });

  const attacker = [
    "",
    " ",
    "redis",
    "redis://",
    "redis:///0",
    "redis:/localhost",
    "REDIS://localhost",
    "http://localhost",
    "unix:///tmp/redis.sock",
    "redis+unknown://localhost",
    "redis://secret@pass@localhost",
    "redis://local host",
    "redis://localhost\n",
    "redis://localhost:secret",
    "redis://localhost:0",
    "redis://localhost:65536",
    "redis://[::1",
    "redis://localhost/secret",
    "redis://localhost/1/2",
    "redis://a,b",
    "redis://%zz:secret@localhost",
    "redis+cluster://",
    "redis+cluster://a,,b",
    "redis+cluster://a:1,b:x",
    "redis+cluster://a:1/0",
    "redis+cluster://a:1?secret=1",
    "redis+sentinel://a:1",
    "redis+sentinel://a:1/",
    "redis+sentinel://a:1//0",
    "redis+sentinel://a:1/primary/secret",
    "redis+sentinel://a:1/primary/0/0",
    "rediss+sentinel://a:1/primary",
  ];

  test.each(attacker)("[C27] %j is refused, and the refusal does not repeat it", (url) => {
    expect(() => parseRedisUrl(url)).toThrow(RangeError);
    expect(() => parseRedisUrl(url)).not.toThrow(/secret/);
  });
});
