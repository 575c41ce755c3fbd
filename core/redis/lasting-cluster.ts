import { Cluster, type ClusterNode, type ClusterOptions, type Redis } from "ioredis";
import { keepAlive } from "./keep-alive.ts";
import { blockingSilenceMs } from "./lasting-redis.ts";

type LastingClusterOptions = NonNullable<ConstructorParameters<typeof Cluster<"legacy">>[1]>;

/**
 * A Cluster client that asks every node that it is connected to for a sign of life. Its duplicates block and cannot ask:
 * they may be silent for longer, and leave a node when its slots are served by another one.
 */
export class LastingCluster extends Cluster {
  constructor(nodes: ClusterNode[], options: LastingClusterOptions) {
    super(nodes, options);
    keepAlive(this, () => [...this.nodes(), ...shardSubscribers(this)]);
  }

  override disconnect(reconnect = false): void {
    super.disconnect(reconnect);
    const group = subscriberGroup(this);
    // ioredis would wait for ever for a subscriber that it stopped while it connected, and never have one again.
    if (group) group.isResetting = false;
  }

  override duplicate(nodes?: ClusterNode[], options: ClusterOptions = {}): Cluster {
    const redisOptions = {
      ...options.redisOptions,
      socketTimeout: blockingSilenceMs,
      replyMapping: "legacy" as const,
    };
    return super.duplicate(nodes, { ...options, redisOptions });
  }
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
