import { type Command, CommandError } from "./command.ts";
import { filterHelp, filterOptions, parseSince, readFailed, withNotificationQueue } from "./failed-notifications.ts";
import { readFlags } from "./read-flags.ts";

const options = { ...filterOptions, all: { type: "boolean" } } as const;

export const notificationsReplay: Command = {
  help: `Usage: callseal notifications replay --all | [--tenant <id>] [--type <event type>] [--since <when>]

Puts notifications that were given up back into the queue, each with all its attempts. A receiver that had one already
drops it by its webhook-id, which stays the same.

${filterHelp}  --all                 every failed notification

Exit code: 0 queued again, 2 could not be.
`,
  async run(args, terminal) {
    const { since, tenant, type, all } = readFlags(args, options);
    if ((since ?? tenant ?? type ?? all) === undefined) {
      throw new CommandError("say what to send again: --tenant, --type, --since, or --all");
    }
    const filter = { tenant, type, sinceMs: parseSince(since, Date.now()) };
    return await withNotificationQueue(terminal, async (queue) => {
      // What is put back leaves the list that is being read, so all of it is read first.
      const ids: string[] = [];
      for await (const page of readFailed(queue, filter)) ids.push(...page.map((job) => job.id!));
      let replayed = 0;
      for (const id of ids) {
        const job = await queue.getJob(id);
        // Somebody else may have put it back meanwhile.
        if (job === undefined || !(await job.isFailed())) continue;
        await job.retry("failed", { resetAttemptsMade: true, resetAttemptsStarted: true });
        replayed += 1;
      }
      await terminal.out(`${replayed} queued again\n`);
      return 0;
    });
  },
};
