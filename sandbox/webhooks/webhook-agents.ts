import { Agent } from "undici";

/** The connection pools of the webhooks: undici fixes the connect time-out per pool, and `#ct` may set another one per URL. */
export class WebhookAgents {
  readonly #agents = new Map<number, Agent>();

  for(connectMs: number): Agent {
    const known = this.#agents.get(connectMs);
    if (known) return known;
    // Time limits are kept by the caller, more exactly than undici's own timers, which tick once a second.
    const agent = new Agent({ connect: { timeout: connectMs }, headersTimeout: 0, bodyTimeout: 0 });
    this.#agents.set(connectMs, agent);
    return agent;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
    this.#agents.clear();
  }
}
