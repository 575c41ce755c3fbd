-- Records the timeout of a session whose time is over. Early callers are told how long is left.
-- KEYS[1] session: the session's record
-- KEYS[2] outbox: the partition's event stream
-- KEYS[3] due: sorted set of pending sessions by expiry
-- KEYS[4] channel: the session's status channel
-- ARGV[1] member: the session id, as it stands in due
-- Returns { "timeout" | "unchanged" | "not_due" | "not_found", record, now }
-- Publishes the terminal record
-- Rejects not_due, not_found
local record = load(KEYS[1])
if not record then
  redis.call("ZREM", KEYS[3], ARGV[1])
  return { "not_found" }
end
local now = now_ms()
if record.status ~= "pending" then
  redis.call("ZREM", KEYS[3], ARGV[1])
  return { "unchanged", public(record), text(now) }
end
if status_at(record, now) == "pending" then
  return { "not_due", public(record), text(now) }
end
local keys = { session = KEYS[1], outbox = KEYS[2], due = KEYS[3], channel = KEYS[4] }
return { "timeout", finish(keys, record, "timeout", now, { correlation = record.correlationId }), text(now) }
