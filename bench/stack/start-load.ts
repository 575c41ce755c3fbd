import type { FigureContext } from "../figure.ts";
import type { RemoteCalls } from "./remote-calls.ts";
import { startChild } from "./start-child.ts";

/** Starts a process of clients, apart from everything that is measured; closed with the figure. */
export async function startLoad(context: Pick<FigureContext, "closeAfter">): Promise<RemoteCalls> {
  const child = await startChild("bench/load/main.ts", { probed: false });
  context.closeAfter(child.stop);
  return child.calls;
}
