-- Revokes a device for good, once.
-- KEYS[1] device: the device's record
-- KEYS[2] outbox: the partition's event stream
-- ARGV[1] tenant
-- ARGV[2] correlation: correlation id
-- ARGV[3] data: JSON object for the event
-- Returns "revoked" | "unchanged" | "not_found"
-- Publishes nothing
-- Rejects not_found
local device = redis.call("HMGET", KEYS[1], "tenant", "status")
if device[1] ~= ARGV[1] then
  return "not_found"
end
if device[2] == "revoked" then
  return "unchanged"
end
redis.call("HSET", KEYS[1], "status", "revoked")
local event = { tenant = ARGV[1], sessionId = "", callId = "", provider = "" }
emit(KEYS[2], event, "device_revoked", now_ms(), ARGV[2], ARGV[3])
return "revoked"
