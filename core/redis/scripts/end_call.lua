-- Marks the hang-up of the call, once. The session's status stays; a confirmation after it is late (PROTOCOL §6).
-- KEYS[1] session: the session's record
-- KEYS[2] outbox: the partition's event stream
-- ARGV[1] tenant
-- ARGV[2] correlation: correlation id
-- ARGV[3] data: JSON object for the call_ended event
-- Returns { "ended" | "unchanged" | "not_found", record, now }
-- Publishes nothing
-- Rejects not_found
local record = load(KEYS[1])
if not record or record.tenant ~= ARGV[1] then
  return { "not_found" }
end
local now = now_ms()
if record.callEndedAt then
  return { "unchanged", public(record), text(now) }
end
write(KEYS[1], record, { callEndedAt = text(now) })
emit(KEYS[2], record, "call_ended", now, ARGV[2], ARGV[3])
return { "ended", public(record), text(now) }
