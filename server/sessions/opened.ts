import type { Session } from "../../core/verification/session.ts";

/** A call's session, and whether this request is the one that opened it. */
export interface Opened {
  created: boolean;
  session: Session;
}
