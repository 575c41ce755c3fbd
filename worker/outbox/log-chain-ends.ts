import type { AuditChain } from "../../core/audit/audit-chain.ts";
import { formatAnchor } from "../../core/audit/parse-anchor.ts";
import type { Logger } from "../../core/logging/create-logger.ts";

export interface ChainEndsOptions {
  chain: AuditChain;
  partitions: number;
  logger: Logger;
  everyMs: number;
  onFault: (error: unknown) => void;
}

/**
 * Logs where the chains end, as `callseal audit verify --anchors` reads it, whenever they have grown. A log is kept elsewhere
 * than Redis, so that who changes the trail there cannot change what was said of it.
 */
export function logChainEnds(options: ChainEndsOptions): { close(): Promise<void> } {
  const { chain, partitions, logger } = options;
  const logged = new Map<number, string>();
  const look = async () => {
    const heads: string[] = [];
    for (let partition = 0; partition < partitions; partition += 1) {
      const head = formatAnchor({ partition, ...(await chain.readHead(partition)) });
      if (head.includes("=0:") || logged.get(partition) === head) continue;
      logged.set(partition, head);
      heads.push(head);
    }
    if (heads.length > 0) logger.info({ heads }, "audit.anchored");
  };
  let underWay = Promise.resolve();
  const timer = setInterval(() => {
    underWay = underWay.then(look).catch(options.onFault);
  }, options.everyMs);
  timer.unref();
  return {
    close: async () => {
      clearInterval(timer);
      await underWay;
    },
  };
}
