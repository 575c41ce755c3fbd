import { expect, test } from "vitest";
import { RedisClock } from "../../core/redis/redis-clock.ts";
import { useCore } from "../support/use-core.ts";
import { redisNowMs } from "../support/verified-call.ts";

const fixture = useCore();

test("[C77] what a process knows of the clock of Redis is a whole millisecond and never ahead of it", async () => {
  const core = fixture.open();
  const clock = new RedisClock(core.redis);
  const ahead: number[] = [];
  for (let time = 0; time < 500; time += 1) {
    const known = await clock.refresh();
    const now = await redisNowMs(core);
    expect(known).toBe(Math.floor(known));
    if (known > now) ahead.push(known - now);
  }
  expect(ahead).toEqual([]);
});
