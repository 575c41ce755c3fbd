-- Records how an attempt to move the call ended. The first final result stays.
-- KEYS[1] session: the session's record
-- KEYS[2] outbox: the partition's event stream
-- KEYS[3] owed: sorted set of the intercepts that are still owed, by when somebody should see to them
-- ARGV[1] token: the taker's token; "" for a delivery that was seen from outside (the success page was fetched)
-- ARGV[2] result: "succeeded" | "failed" | "skipped", or "retryable" | "unknown" to give the right back
-- ARGV[3] correlation: correlation id
-- ARGV[4] data: JSON object for the event
-- ARGV[5] again: milliseconds until the next attempt, when the right is given back
-- Returns { "recorded" | "settled" | "not_held" | "not_found", record, now }
-- Publishes nothing
-- Rejects settled, not_held, not_found
local record = load(KEYS[1])
if not record then
  return { "not_found" }
end
local token, result = ARGV[1], ARGV[2]
local now = now_ms()
local delivered = token == "" and record.status == "confirmed"
local fields = { deliveredAt = delivered and (record.deliveredAt or text(now)) or nil }
-- A delivery that was seen corrects a verdict that was only inferred.
local correctable = delivered and (record.intercept == "failed" or record.intercept == "skipped")
if record.intercept ~= "pending" and not correctable then
  if fields.deliveredAt and not record.deliveredAt then
    write(KEYS[1], record, fields)
  end
  return { "settled", public(record), text(now) }
end
if not delivered and record.leaseToken ~= token then
  return { "not_held", public(record), text(now) }
end
if result == "retryable" or result == "unknown" then
  redis.call("ZADD", KEYS[3], "XX", text(now + tonumber(ARGV[5])), record.sessionId)
  write(KEYS[1], record, { granted = "0", lastOutcome = result, leaseUntil = "0" })
  return { "recorded", public(record), text(now) }
end
fields.intercept, fields.lastOutcome, fields.leaseUntil, fields.interceptAt = result, result, "0", text(now)
fields.granted = "0"
write(KEYS[1], record, fields)
redis.call("ZREM", KEYS[3], record.sessionId)
emit(KEYS[2], record, result == "succeeded" and "intercept_success" or "intercept_failed", now, ARGV[3], ARGV[4])
return { "recorded", public(record), text(now) }
