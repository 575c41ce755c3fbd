import { type Child, startChild } from "../../../bench/stack/start-child.ts";
import type { InjectedFault } from "../history/check-history.ts";

/** One gateway or worker of a fleet: a process that dies and comes back. */
export class Member {
  readonly name: string;
  readonly #entry: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #probed: boolean;
  #child: Child | undefined;

  constructor(name: string, parts: { entry: string; environment: Readonly<Record<string, string>>; probed?: boolean }) {
    this.name = name;
    this.#entry = parts.entry;
    this.#environment = parts.environment;
    this.#probed = parts.probed ?? false;
  }

  /** Where it listens, while it runs. */
  get url(): string | undefined {
    return this.#child?.url;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    this.#child = await startChild(this.#entry, { environment: this.#environment, probed: this.#probed });
  }

  /** What it holds after a collection of garbage; for a member that was enlisted as `probed`. */
  async memory(): Promise<NodeJS.MemoryUsage> {
    return await this.#child!.calls.call<NodeJS.MemoryUsage>("memory");
  }

  /** Ends it without a word (SIGKILL), and resolves once it is gone. */
  async kill(): Promise<void> {
    await this.#leave()?.kill();
  }

  /** Kills it where it stands and starts another in its place. */
  async killAndStart(): Promise<InjectedFault> {
    const fault = { at: performance.now(), what: `${this.name} (${this.#child?.pid}) killed` };
    await this.kill();
    await this.start();
    return fault;
  }

  /** Asks it to end (SIGTERM) and starts another in its place: its exit code (`null` when it had to be killed) and how long it took. */
  async drainAndStart(): Promise<{ fault: InjectedFault; code: number | null; afterMs: number }> {
    const since = performance.now();
    const fault = { at: since, what: `${this.name} drained` };
    const code = (await this.#leave()?.stop()) ?? null;
    const afterMs = Math.round(performance.now() - since);
    await this.start();
    return { fault, code, afterMs };
  }

  #leave(): Child | undefined {
    const child = this.#child;
    this.#child = undefined;
    return child;
  }
}
