import { readFileSync } from "node:fs";
import type { Cluster, Redis } from "ioredis";

/** One Lua file a transition, in core/redis/scripts; the numbers are their KEYS, checked against their headers by a test. */
export const scripts = {
  create_session: 4,
  read_session: 1,
  poll_session: 2,
  read_call: 1,
  claim_session: 2,
  confirm_session: 6,
  cancel_session: 4,
  expire_session: 4,
  advance_loop: 4,
  end_call: 2,
  claim_intercept: 2,
  complete_intercept: 3,
  reopen_intercept: 2,
  reserve_did: 4,
  release_did: 4,
  append_event: 1,
  enrol_device: 4,
  revoke_device: 2,
  count_wrong_did: 1,
  read_outbox: 2,
  claim_outbox: 1,
  append_audit: 3,
} as const;

export type ScriptName = keyof typeof scripts;
export type ScriptArgument = string | number;
/** Runs a script by name: its keys in the order of its header, then its arguments. */
export type RunScript = (name: ScriptName, keys: string[], args: ScriptArgument[]) => Promise<unknown>;

export interface ScriptSettings {
  /** Sharded pub/sub under Redis Cluster, plain elsewhere. */
  sharded: boolean;
  /** Events kept in a partition's outbox, at least. */
  outboxLimit: number;
}

const folder = new URL("./scripts/", import.meta.url);

export function readScript(name: string): string {
  return readFileSync(new URL(`${name}.lua`, folder), "utf8");
}

/** Defines every script on a connection and returns the one way to run them; EVALSHA, loaded again when Redis forgot. */
export function loadScripts(redis: Redis | Cluster, settings: ScriptSettings): RunScript {
  const constants = `local PUBLISH = "${settings.sharded ? "SPUBLISH" : "PUBLISH"}"\nlocal OUTBOX_LIMIT = ${settings.outboxLimit}\n`;
  const prelude = constants + readScript("lib/session");
  for (const [name, numberOfKeys] of Object.entries(scripts)) {
    redis.defineCommand(`callseal_${name}`, { numberOfKeys, lua: prelude + readScript(name) });
  }
  const commands = redis as unknown as Record<string, (...args: ScriptArgument[]) => Promise<unknown>>;
  return (name, keys, args) => {
    if (keys.length !== scripts[name]) throw new RangeError(`${name} takes ${scripts[name]} keys`);
    return commands[`callseal_${name}`]!(...keys, ...args);
  };
}
