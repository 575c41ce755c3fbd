import { lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { Agent, buildConnector, type Dispatcher } from "undici";
import { addressScope } from "./address-scope.ts";

export interface GuardedDispatcherOptions {
  /** Development: this machine and private networks are targets too. Default false. */
  allowInsecureTargets?: boolean;
  /** Open connections an origin, at most. Default 16. */
  connectionsPerOrigin?: number;
  /** Milliseconds for DNS, TCP and TLS together. Default 3000. */
  connectTimeoutMs?: number;
  /** Certificate authorities in PEM, instead of the system's. */
  ca?: string;
  /** The resolver; the system's by default. */
  lookup?: LookupFunction;
  /** Which addresses may be connected to; by `addressScope` by default. */
  permits?: (address: string) => boolean;
}

/** A connection pool that only reaches permitted addresses. */
export interface GuardedDispatcher {
  readonly dispatcher: Dispatcher;
  /** Whether `http:` may be used with it. */
  readonly allowInsecureTargets: boolean;
  /** Waits for requests under way; may be called again. */
  close(): Promise<void>;
}

/** The code of the error that a refused address raises. */
export const BLOCKED_ADDRESS = "BLOCKED_ADDRESS";

/**
 * Opens the pool for URLs that a tenant chose (PROTOCOL §5, mode `webhook`). The check sits where the socket gets its
 * address, so that a name which resolves differently the second time (DNS rebinding) is checked the second time, too.
 */
export function createGuardedDispatcher(options: GuardedDispatcherOptions = {}): GuardedDispatcher {
  const allowInsecureTargets = options.allowInsecureTargets ?? false;
  const permits = options.permits ?? ((address: string) => isPermitted(address, allowInsecureTargets));
  const connectPermitted = buildConnector({
    timeout: options.connectTimeoutMs ?? 3000,
    lookup: guardLookup(options.lookup ?? (systemLookup as LookupFunction), permits),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    allowH2: false,
  });
  const agent = new Agent({
    connections: options.connectionsPerOrigin ?? 16,
    pipelining: 1,
    // One request at a time on a connection: an abort then ends exactly one delivery.
    allowH2: false,
    headersTimeout: 10_000,
    bodyTimeout: 10_000,
    keepAliveTimeout: 20_000,
    maxHeaderSize: 16 * 1024,
    connect: (target, callback) => {
      // A literal address never reaches the resolver, so it is checked here.
      if (isIP(target.hostname) !== 0 && !permits(target.hostname)) callback(blocked(), null);
      else connectPermitted(target, callback);
    },
  });
  let closing: Promise<void> | undefined;
  return {
    dispatcher: agent,
    allowInsecureTargets,
    close: () => {
      closing ??= agent.close();
      return closing;
    },
  };
}

function isPermitted(address: string, allowInsecureTargets: boolean): boolean {
  const scope = addressScope(address);
  return scope === "public" || (scope === "local" && allowInsecureTargets);
}

/** Resolves, drops what is not permitted, and hands on only the rest, so that the socket cannot pick another address. */
function guardLookup(lookup: LookupFunction, permits: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found, family) => {
      if (error) return callback(error, []);
      const addresses = Array.isArray(found) ? found : [{ address: found, family: family ?? isIP(found) }];
      const permitted = addresses.filter((entry) => permits(entry.address));
      const [first] = permitted;
      if (first === undefined) return callback(blocked(), []);
      if (options.all) callback(null, permitted);
      else callback(null, first.address, first.family);
    });
  };
}

function blocked(): NodeJS.ErrnoException {
  return Object.assign(new Error("the target's address is not permitted"), { code: BLOCKED_ADDRESS });
}
