import { Cluster, type ClusterNode, type ClusterOptions, type Redis } from "ioredis";
import { keepAlive } from "./keep-alive.ts";
import { blockingSilenceMs } from "./lasting-redis.ts";

type LastingClusterOptions = NonNullable<ConstructorParameters<typeof Cluster<"legacy">>[1]>;

/**
 * A Cluster client that lasts until we close it.
 *
 * - It asks every node that it is connected to for a sign of life.
 * - Its duplicates block and cannot ask: they may be silent for longer, and leave a node when its slots are served by
 *   another one.
 * - Who waits for it to connect is told, whichever attempt it is that succeeds.
 * - Closed while it waits to reconnect, it ends at once, and so do the commands that wait for it.
 */
export class LastingCluster extends Cluster {
  // ioredis connects in its constructor, before a class's own fields would be there.
  declare private ready: Promise<void> | undefined;
  readonly #startNodes: ClusterNode[];

  constructor(nodes: ClusterNode[], options: LastingClusterOptions, { blocks = false } = {}) {
    super(nodes, options);
    this.#startNodes = nodes;
    if (!blocks) keepAlive(this, () => [...this.nodes(), ...shardSubscribers(this)]);
  }

  /**
   * ioredis tells nobody that it is connected when its first look at the cluster found it not ready, as it is while a
   * replica takes over: it tries again by itself. A BullMQ worker that waits for its connection would wait for ever.
   */
  override connect(): Promise<void> {
    const attempt = super.connect();
    this.ready ??= readyOrEnded(this).finally(() => {
      this.ready = undefined;
    });
    return Promise.race([attempt, this.ready]);
  }

  override disconnect(reconnect = false): void {
    const waits = this.status === "reconnecting";
    super.disconnect(reconnect);
    // ioredis would only stop its timer: it would neither say that it ended nor answer the commands that wait.
    if (waits && !reconnect) (this as unknown as { handleCloseEvent(): void }).handleCloseEvent();
    const group = subscriberGroup(this);
    // ioredis would wait for ever for a subscriber that it stopped while it connected, and never have one again.
    if (group) group.isResetting = false;
  }

  override duplicate(nodes: ClusterNode[] = [], options: ClusterOptions = {}): Cluster {
    const startNodes = nodes.length > 0 ? nodes : this.#startNodes;
    const redisOptions = {
      ...this.options.redisOptions,
      ...options.redisOptions,
      socketTimeout: blockingSilenceMs,
      replyMapping: "legacy" as const,
    };
    return new LastingCluster(startNodes, { ...this.options, ...options, redisOptions }, { blocks: true });
  }
}

function readyOrEnded(cluster: Cluster): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (settled: () => void) => {
      cluster.off("ready", ready).off("end", ended);
      settled();
    };
    const ready = () => settle(resolve);
    const ended = () => {
      // Said a turn late, and nothing to whoever connects again meanwhile.
      if (cluster.status !== "connecting") settle(() => reject(new Error("Connection is closed.")));
    };
    cluster.on("ready", ready).on("end", ended);
  });
}

/** ioredis keeps a connection a shard for pub/sub, and shows them to nobody. */
interface SubscriberGroup {
  isResetting: boolean;
  shardedSubscribers: Map<string, { getInstance(): Redis | null }>;
}

function subscriberGroup(cluster: Cluster): SubscriberGroup | undefined {
  return (cluster as unknown as { shardedSubscribers?: SubscriberGroup }).shardedSubscribers;
}

function shardSubscribers(cluster: Cluster): Redis[] {
  const held = [...(subscriberGroup(cluster)?.shardedSubscribers.values() ?? [])];
  return held.map((subscriber) => subscriber.getInstance()).filter((instance) => instance !== null);
}
