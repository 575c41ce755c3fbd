/** A typed set of listeners. One that throws is reported as an uncaught error and disturbs nobody else. */
export interface Listeners<Events extends { [name in keyof Events]: unknown }> {
  /** Returns the function that takes the listener off again. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void;
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void;
  clear(): void;
}

export function createListeners<Events extends { [name in keyof Events]: unknown }>(): Listeners<Events> {
  const byName = new Map<keyof Events, Set<(event: never) => void>>();
  return {
    on(name, listener) {
      const registered = byName.get(name) ?? new Set();
      byName.set(name, registered);
      // A wrapper, so that the same function registered twice is called twice and removed one by one.
      const entry = (event: never) => listener(event);
      registered.add(entry);
      return () => void registered.delete(entry);
    },
    emit(name, event) {
      for (const listener of [...(byName.get(name) ?? [])]) {
        try {
          (listener as (event: unknown) => void)(event);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    },
    clear: () => byName.clear(),
  };
}
