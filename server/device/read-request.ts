import { CallsealError } from "../../core/verification/errors.ts";

export interface ClientRequest {
  ack: (answer: unknown) => void;
  /** The one argument; throws `invalid_request` when there were more. */
  payload: () => unknown;
}

/** What a client sent with an event: one payload, then its acknowledgement. Undefined when it waits for no answer. */
export function readRequest(args: readonly unknown[]): ClientRequest | undefined {
  const ack = args.at(-1);
  if (typeof ack !== "function") return undefined;
  return {
    ack: ack as ClientRequest["ack"],
    payload: () => {
      if (args.length > 2) throw new CallsealError("invalid_request", { detail: "an event takes one payload" });
      return args.length === 2 ? args[0] : undefined;
    },
  };
}
