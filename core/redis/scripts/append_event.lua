-- Appends one event that belongs to no transition of a session.
-- KEYS[1] outbox: the partition's event stream
-- ARGV[1] type
-- ARGV[2] tenant
-- ARGV[3] sessionId: "" when there is none
-- ARGV[4] callId: "" when there is none
-- ARGV[5] provider: "" when there is none
-- ARGV[6] correlation: correlation id
-- ARGV[7] data: JSON object
-- Returns "OK"
-- Publishes nothing
-- Rejects nothing
local event = { tenant = ARGV[2], sessionId = ARGV[3], callId = ARGV[4], provider = ARGV[5] }
emit(KEYS[1], event, ARGV[1], now_ms(), ARGV[6], ARGV[7])
return "OK"
