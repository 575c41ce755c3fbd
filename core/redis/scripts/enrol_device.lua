-- Spends an activation code and records the device that it was made for, in one step.
-- KEYS[1] activation: the code's record, all in the subject's partition
-- KEYS[2] device: the new device's record
-- KEYS[3] devices: set of the subject's devices
-- KEYS[4] outbox: the partition's event stream
-- ARGV[1] tenant
-- ARGV[2] suid: the subject that the code was made for
-- ARGV[3] zid: the new device
-- ARGV[4] correlation: correlation id
-- ARGV[5] data: JSON object for the event
-- ARGV[6…] field, value, … : what the device said of itself
-- Returns "enrolled" | "invalid_activation_code"
-- Publishes nothing
-- Rejects invalid_activation_code
if redis.call("HGET", KEYS[1], "suid") ~= ARGV[2] then
  return "invalid_activation_code"
end
redis.call("DEL", KEYS[1])
local now = now_ms()
local fields = { "zid", ARGV[3], "suid", ARGV[2], "tenant", ARGV[1], "status", "active", "createdAt", text(now) }
for i = 6, #ARGV do
  fields[#fields + 1] = ARGV[i]
end
redis.call("HSET", KEYS[2], unpack(fields))
redis.call("SADD", KEYS[3], ARGV[3])
local event = { tenant = ARGV[1], sessionId = "", callId = "", provider = "" }
emit(KEYS[4], event, "device_enrolled", now, ARGV[4], ARGV[5])
return "enrolled"
