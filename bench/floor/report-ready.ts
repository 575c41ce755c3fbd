import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

/** Listens on a free port of this machine and says so in the line that a measured process is recognised by. */
export async function reportReady(server: Server): Promise<void> {
  server.keepAliveTimeout = 75_000;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  printReady((server.address() as AddressInfo).port);
}

export function printReady(port: number): void {
  process.stdout.write(`${JSON.stringify({ event: "floor.ready", port })}\n`);
}

/** A setting that the measuring process gives. */
export function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}
