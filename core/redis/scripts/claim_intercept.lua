-- Takes the right to move the call, for a bounded time, and counts the attempt. What is owed is due again when that time is over.
-- KEYS[1] session: the session's record
-- KEYS[2] owed: sorted set of the intercepts that are still owed, by when somebody should see to them
-- ARGV[1] token: the taker's own random value
-- ARGV[2] lease: milliseconds until another taker may act
-- ARGV[3] member: the session id, as it stands in owed
-- ARGV[4] restored: "1" when the job that the first attempt was granted to was never added, and so never will be
-- Returns { "taken" | "settled" | "leased" | "not_found", record, now, "first" | "after_unknown" | "after_retryable" }
-- Publishes nothing
-- Rejects settled, leased, not_found
local record = load(KEYS[1])
if not record then
  redis.call("ZREM", KEYS[2], ARGV[3])
  return { "not_found" }
end
local now = now_ms()
if record.intercept ~= "pending" then
  redis.call("ZREM", KEYS[2], ARGV[3])
  return { "settled", public(record), text(now) }
end
local granted, mine = record.granted == "1", record.leaseToken == ARGV[1]
local restored = granted and ARGV[4] == "1"
local held = record.leaseToken and not mine and now < tonumber(record.leaseUntil)
if held and not restored then
  return { "leased", public(record), text(now) }
end
local before, attempts = "first", tonumber(record.attempts)
if not (granted and (mine or restored)) then
  attempts = attempts + 1
end
if record.attempts ~= "0" and not (granted and mine) then
  before = record.lastOutcome == "retryable" and "after_retryable" or "after_unknown"
end
local leaseUntil = text(now + tonumber(ARGV[2]))
redis.call("ZADD", KEYS[2], "XX", leaseUntil, ARGV[3])
write(KEYS[1], record, {
  leaseToken = ARGV[1],
  leaseUntil = leaseUntil,
  granted = "0",
  attempts = text(attempts),
  lastOutcome = "unknown",
})
return { "taken", public(record), text(now), before }
