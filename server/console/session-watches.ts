import { z } from "zod";
import { parseSessionId } from "../../core/redis/keys.ts";
import type { Tenant } from "../../core/tenants/tenant.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import { isTerminal, type Session } from "../../core/verification/session.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { parse } from "../http/parse-body.ts";
import { presentStatus, type StatusDocument } from "../sessions/present-session.ts";
import { followSession } from "../waiting/follow-session.ts";

const watchPayload = z.strictObject({ sessionId: z.string().max(64) });
/** Pending sessions that one console watches at once. A session that ends makes room. */
export const mostWatches = 100;

/** The sessions that one console socket watches: each holds one listener until it ends or the socket leaves. */
export class SessionWatches {
  readonly #context: GatewayContext;
  readonly #tenant: Tenant;
  readonly #send: (document: StatusDocument) => void;
  readonly #held = new Map<string, () => void>();
  #closed = false;

  constructor(context: GatewayContext, options: { tenant: Tenant; send: (document: StatusDocument) => void }) {
    this.#context = context;
    this.#tenant = options.tenant;
    this.#send = options.send;
  }

  /**
   * The session's status document as it stands; a pending one is watched from then on. Watching twice is watching once.
   * Throws `invalid_request`, `not_found`, and `rate_limited` when too many are watched already.
   */
  async watch(payload: unknown): Promise<StatusDocument> {
    const { sessionId } = parse(watchPayload, payload);
    if (!parseSessionId(sessionId)) throw new CallsealError("not_found");
    const session = await this.#context.sessions.read(sessionId, this.#tenant.id);
    if (!session) throw new CallsealError("not_found");
    if (!isTerminal(session.status)) this.#follow(session);
    return presentStatus(session, this.#context.issueReceipt);
  }

  close(): void {
    this.#closed = true;
    for (const stop of this.#held.values()) stop();
    this.#held.clear();
  }

  #follow(session: Session): void {
    const { sessionId } = session;
    if (this.#closed || this.#held.has(sessionId)) return;
    if (this.#held.size >= mostWatches) {
      throw new CallsealError("rate_limited", { detail: "too many sessions are watched", retryAfterSeconds: 1 });
    }
    const { sessions, statusChannel: channel, background, issueReceipt } = this.#context;
    const stop = followSession({ sessions, channel, background }, session, (ended) => {
      this.#held.delete(sessionId);
      background.run("console.status", async () => this.#send(await presentStatus(ended, issueReceipt)));
    });
    this.#held.set(sessionId, stop);
  }
}
