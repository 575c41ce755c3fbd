-- Owes a move again that the provider took and that did not arrive: the call was led elsewhere while the store was silent.
-- KEYS[1] session: the session's record
-- KEYS[2] owed: sorted set of the intercepts that are still owed, by when somebody should see to them
-- ARGV[1] member: the session id, as it stands in owed
-- Returns { "reopened" | "settled" | "not_found", record, now }
-- Publishes nothing
-- Rejects settled, not_found
local record = load(KEYS[1])
if not record then
  return { "not_found" }
end
local now = now_ms()
if record.status ~= "confirmed" or record.intercept ~= "succeeded" or record.deliveredAt then
  return { "settled", public(record), text(now) }
end
write(KEYS[1], record, { intercept = "pending", lastOutcome = "retryable", leaseUntil = "0" })
redis.call("ZADD", KEYS[2], text(now), ARGV[1])
return { "reopened", public(record), text(now) }
