export interface RedisHost {
  host: string;
  port: number;
}

export type RedisTopology =
  | { kind: "standalone"; url: string }
  | { kind: "sentinel"; hosts: RedisHost[]; name: string; db: number; username: string; password: string }
  | { kind: "cluster"; hosts: RedisHost[]; username: string; password: string; tls: boolean };

const urlShape =
  /^(redis|rediss|redis\+sentinel|redis\+cluster|rediss\+cluster):\/\/(?:([^@/?#\s]*)@)?([^@/?#\s]+)(?:\/([^?#\s]*))?(\?[^#\s]*)?$/;
const hostShape = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/;
const defaultPort = 6379;

/**
 * Reads a REDIS_URL:
 * `redis://[user:password@]host:port[/db]`, `rediss://…` (TLS);
 * `redis+sentinel://[user:password@]host:port,host:port/name[/db]` (the sentinels, then the name of the primary);
 * `redis+cluster://[user:password@]host:port,host:port` and `rediss+cluster://…` (some of the cluster's nodes).
 * Name and password are percent-encoded. Throws a RangeError that says what is wrong and never repeats the text.
 */
export function parseRedisUrl(text: string): RedisTopology {
  const match = urlShape.exec(text);
  if (!match) throw new RangeError("is not a Redis URL");
  const [, scheme, credentials = "", hostList = "", path = "", query] = match;
  const hosts = hostList.split(",").map(parseHost);
  const { username, password } = parseCredentials(credentials);
  if (scheme === "redis" || scheme === "rediss") {
    if (hosts.length > 1) throw new RangeError("names several hosts: redis+cluster: or redis+sentinel: is wanted");
    parseDatabase(path);
    return { kind: "standalone", url: text };
  }
  if (query !== undefined) throw new RangeError("has a query");
  if (scheme !== "redis+sentinel") {
    if (path !== "") throw new RangeError("names a database: a cluster has only one");
    return { kind: "cluster", hosts, username, password, tls: scheme === "rediss+cluster" };
  }
  const [name = "", db = "", ...rest] = path.split("/");
  if (name === "") throw new RangeError("lacks the name of the primary: redis+sentinel://host:port/name");
  if (rest.length > 0) throw new RangeError("has a path after the database");
  return { kind: "sentinel", hosts, name, db: parseDatabase(db), username, password };
}

function parseHost(text: string): RedisHost {
  const match = hostShape.exec(text);
  const port = Number(match?.[2] ?? defaultPort);
  if (!match || port < 1 || port > 65_535) throw new RangeError("has a host or port that is none");
  return { host: match[1]!.replace(/^\[|\]$/g, ""), port };
}

/** The first colon parts the two; a password may have more of them. */
function parseCredentials(text: string): { username: string; password: string } {
  const colon = text.indexOf(":");
  const username = colon === -1 ? text : text.slice(0, colon);
  const password = colon === -1 ? "" : text.slice(colon + 1);
  try {
    return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    throw new RangeError("has a name or password that is not percent-encoded");
  }
}

function parseDatabase(text: string): number {
  if (!/^\d{0,3}$/.test(text)) throw new RangeError("has a database that is no number");
  return Number(text);
}
