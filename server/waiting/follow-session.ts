import type { SessionStore } from "../../core/redis/session-store.ts";
import type { StatusChannel } from "../../core/redis/status-channel.ts";
import { isTerminal, type Session } from "../../core/verification/session.ts";
import type { Background } from "../background.ts";

/** A little after the deadline, for the record to read as over. */
const expirySlackMs = 50;

export interface FollowParts {
  sessions: SessionStore;
  channel: StatusChannel;
  background: Background;
}

/**
 * Calls back once, with the session as it ended: told by its channel, by its own deadline when no worker records that,
 * or by the record when it ended before the subscription was live. Returns the way out.
 */
export function followSession(parts: FollowParts, session: Session, onEnd: (ended: Session) => void): () => void {
  const { sessionId } = session;
  let over = false;
  const check = async () => {
    const now = await parts.sessions.read(sessionId, undefined);
    if (now && isTerminal(now.status)) end(now);
  };
  const look = () => {
    if (!over) parts.background.run("session.follow", check);
  };
  const timer = setTimeout(look, session.expiresAtMs - session.readAtMs + expirySlackMs);
  const listening = parts.channel.listen(sessionId, (heard) => (heard ? end(heard) : look()));
  const stop = () => {
    over = true;
    clearTimeout(timer);
    listening.then(
      (leave) => leave(),
      () => undefined,
    );
  };
  const end = (ended: Session) => {
    if (over) return;
    stop();
    onEnd(ended);
  };
  // A subscription that never comes, because Redis is away for good, leaves the deadline.
  listening.then(look, () => undefined);
  return stop;
}
