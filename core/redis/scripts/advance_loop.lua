-- Records one turn of the IVR's prompt loop, once an index: cancels on digit 0, ends the session when the turns are used up.
-- KEYS[1] session: the session's record
-- KEYS[2] outbox: the partition's event stream
-- KEYS[3] due: sorted set of pending sessions by expiry
-- KEYS[4] channel: the session's status channel
-- ARGV[1] tenant
-- ARGV[2] index: counts from 1
-- ARGV[3] digit: "" when no key was pressed
-- ARGV[4] correlation: correlation id
-- ARGV[5] data: JSON object for the loop_iteration event
-- Returns { "found" | "not_found", record, now }
-- Publishes the terminal record, when this turn ends the session
-- Rejects not_found
local record = load(KEYS[1])
if not record or record.tenant ~= ARGV[1] then
  return { "not_found" }
end
local index, correlation = tonumber(ARGV[2]), ARGV[4]
local now = now_ms()
if status_at(record, now) ~= "pending" then
  return { "found", public(record), text(now) }
end
local keys = { session = KEYS[1], outbox = KEYS[2], due = KEYS[3], channel = KEYS[4] }
if redis.call("HSETNX", KEYS[1], "loop:" .. ARGV[2], ARGV[3]) == 1 then
  emit(keys.outbox, record, "loop_iteration", now, correlation, ARGV[5])
end
if ARGV[3] == "0" then
  return { "found", finish(keys, record, "canceled", now, { correlation = correlation }), text(now) }
end
if index > tonumber(record.maxRetries) then
  local event = { correlation = correlation, data = '{"reason":"loop_exhausted"}' }
  return { "found", finish(keys, record, "timeout", now, event), text(now) }
end
return { "found", public(record), text(now) }
