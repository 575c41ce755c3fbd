-- Cancels a pending session; any other state stays as it is.
-- KEYS[1] session: the session's record
-- KEYS[2] outbox: the partition's event stream
-- KEYS[3] due: sorted set of pending sessions by expiry
-- KEYS[4] channel: the session's status channel
-- ARGV[1] tenant
-- ARGV[2] correlation: correlation id
-- Returns { "canceled" | "unchanged" | "not_found", record, now }
-- Publishes the terminal record
-- Rejects not_found
local record = load(KEYS[1])
if not record or record.tenant ~= ARGV[1] then
  return { "not_found" }
end
local now = now_ms()
if status_at(record, now) ~= "pending" then
  return { "unchanged", public(record), text(now) }
end
local keys = { session = KEYS[1], outbox = KEYS[2], due = KEYS[3], channel = KEYS[4] }
return { "canceled", finish(keys, record, "canceled", now, { correlation = ARGV[2] }), text(now) }
