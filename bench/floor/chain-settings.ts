/** What the bare chain's processes and its client agree on. */
export const floorChannel = "floor:status";
export const floorQueue = "floor";

/** The least that a confirmation needs of Redis: one record written and one message published, in one script. */
export const floorScript = 'redis.call("HSET", KEYS[1], "status", "confirmed") redis.call("PUBLISH", ARGV[1], ARGV[2])';

export const pingChannel = "floor:ping";
export const pongChannel = "floor:pong";

/** As long as a status document with its receipt. */
export function floorAnswer(id: string): string {
  return JSON.stringify({ sessionId: id, status: "confirmed", receipt: "r".repeat(850) });
}
