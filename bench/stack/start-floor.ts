import type { FigureContext } from "../figure.ts";
import { type Child, startChild } from "./start-child.ts";

/** Starts a process of bench/floor or bench/peer; closed with the figure. */
export async function startFloor(
  context: Pick<FigureContext, "closeAfter">,
  entry: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Child> {
  const child = await startChild(`bench/${entry}.ts`, { environment: { NODE_ENV: "production", ...environment } });
  context.closeAfter(child.stop);
  return child;
}
