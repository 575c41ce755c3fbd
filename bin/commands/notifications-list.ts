import type { Command } from "./command.ts";
import { filterHelp, filterOptions, parseSince, readFailed, withNotificationQueue } from "./failed-notifications.ts";
import { readFlags } from "./read-flags.ts";

export const notificationsList: Command = {
  help: `Usage: callseal notifications list [--tenant <id>] [--type <event type>] [--since <when>]

Lists the notifications that were given up, the newest first: when, tenant, type of event, id of the event, host,
attempts, and why the last one failed. They are kept for 30 days.

${filterHelp}
Exit code: 0 listed, 2 could not be listed.
`,
  async run(args, terminal) {
    const { since, tenant, type } = readFlags(args, filterOptions);
    const filter = { tenant, type, sinceMs: parseSince(since, Date.now()) };
    return await withNotificationQueue(terminal, async (queue) => {
      let failed = 0;
      for await (const page of readFailed(queue, filter)) {
        for (const { data, finishedOn = 0, attemptsMade, failedReason } of page) {
          const when = new Date(finishedOn).toISOString();
          const { host, eventId } = data;
          await terminal.out(
            `${[when, data.tenant, data.type, eventId, host, `${attemptsMade} attempts`, failedReason].join("\t")}\n`,
          );
        }
        failed += page.length;
      }
      const { waiting = 0, active = 0, delayed = 0 } = await queue.getJobCounts("waiting", "active", "delayed");
      terminal.err(`${failed} failed; ${waiting + active + delayed} of all tenants on their way\n`);
      return 0;
    });
  },
};
