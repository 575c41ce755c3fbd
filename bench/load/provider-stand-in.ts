import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** Where intercepts arrive: answers every call update like a voice platform, and tells when whose request came. */
export class ProviderStandIn {
  readonly #server: Server;
  readonly #waiting = new Map<string, (at: number) => void>();

  private constructor() {
    this.#server = createServer((request, response) => {
      const at = performance.now();
      const call = /([^/]+?)(?:\.json)?$/.exec(request.url ?? "")?.[1] ?? "";
      this.#waiting.get(call)?.(at);
      this.#waiting.delete(call);
      request.resume();
      request.once("end", () => {
        response.setHeader("Content-Type", "application/json");
        response.end(JSON.stringify({ sid: call, status: "in-progress" }));
      });
    });
    this.#server.keepAliveTimeout = 60_000;
  }

  static async open(): Promise<ProviderStandIn> {
    const provider = new ProviderStandIn();
    provider.#server.listen(0, "127.0.0.1");
    await once(provider.#server, "listening");
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves with the moment that the call's request arrives. */
  arrival(callId: string): Promise<number> {
    return new Promise((resolve) => this.#waiting.set(callId, resolve));
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
