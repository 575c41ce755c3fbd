import { spawn } from "node:child_process";
import { once } from "node:events";
import type { TenantInput } from "../../core/tenants/tenant.ts";
import type { Core } from "../support/open-core.ts";
import type { CoreFixture } from "../support/use-core.ts";
import { waitFor } from "../support/wait-for.ts";

export interface ConsumerProcess {
  /** Events that it has handled and not acknowledged. */
  readonly handled: number;
  kill(): Promise<void>;
}

/** A process that handles events of the group and never acknowledges them; it is killed after the test. */
export function spawnConsumer(
  fixture: CoreFixture,
  core: Core,
  options: { group: "audit" | "webhooks"; tenants: TenantInput[] },
): ConsumerProcess {
  const script = new URL("consumer-process.ts", import.meta.url).pathname;
  const args = [fixture.url, core.keyspace.prefix, options.group, JSON.stringify({ tenants: options.tenants })];
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  let handled = 0;
  child.stdout.on("data", (text: Buffer) => {
    for (const [, count] of text.toString().matchAll(/handled (\d+)/g)) handled += Number(count);
  });
  const kill = async () => {
    child.kill("SIGKILL");
    await ended;
    await waitFor("its connections are gone", async () => {
      return !(await fixture.clients()).some((line) => line.includes("callseal:outbox"));
    });
  };
  fixture.closeAfter(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return {
    get handled() {
      return handled;
    },
    kill,
  };
}
