/** Remembers which webhooks were handled, by `webhook-id`. Several processes share one over their own store. */
export interface DeliveryMemory {
  has(id: string): boolean | Promise<boolean>;
  /** Called once the handler has succeeded. */
  add(id: string): void | Promise<void>;
}

/** A memory of this process: the latest `maxEntries` ids (default 10000, about 1 MB), oldest forgotten first. */
export function rememberDeliveries({ maxEntries = 10_000 }: { maxEntries?: number } = {}): DeliveryMemory {
  const ids = new Set<string>();
  return {
    has: (id) => ids.has(id),
    add(id) {
      ids.delete(id);
      ids.add(id);
      for (const oldest of ids) {
        if (ids.size <= maxEntries) break;
        ids.delete(oldest);
      }
    },
  };
}
