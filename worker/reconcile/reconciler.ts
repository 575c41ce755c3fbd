import type { WorkerContext } from "../worker-context.ts";
import { reconcileOwedWork } from "./reconcile-owed-work.ts";

export interface Reconciler {
  /** Waits for the pass under way; may be called again. */
  close(): Promise<void>;
}

/** Looks for owed work again and again until it is closed. A fault ends one pass and never the reconciler. */
export function startReconciler(context: WorkerContext): Reconciler {
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let pass = Promise.resolve();
  const look = async () => {
    const more = await reconcileOwedWork(context).catch((err: unknown) => {
      context.faults.report("reconcile.failed", err);
      return false;
    });
    if (!closed) plan(more ? 0 : jittered(context.tuning.reconcileEveryMs));
  };
  const plan = (delayMs: number) => {
    timer = setTimeout(() => {
      pass = look();
    }, delayMs);
  };
  plan(jittered(context.tuning.reconcileEveryMs));
  return {
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await pass;
    },
  };
}

/** Within a quarter of the period, so that many workers do not look at the same moment. */
function jittered(periodMs: number): number {
  return periodMs * (0.75 + Math.random() / 2);
}
