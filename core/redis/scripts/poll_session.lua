-- Counts a poll of one session in its window of a minute, and reads the session as it stands now.
-- KEYS[1] session: the session's record
-- KEYS[2] polls: how often it was polled in this window
-- ARGV[1] tenant: another tenant's session does not exist, and its polls are not counted
-- ARGV[2] most: polls that the window allows
-- Returns { "found" | "rate_limited" | "not_found", record, now, counted, ms left of the window }
-- Publishes nothing
-- Rejects not_found
local record = load(KEYS[1])
if not record or record.tenant ~= ARGV[1] then
  return { "not_found" }
end
local counted = count_in_minute(KEYS[2])
local outcome = counted <= tonumber(ARGV[2]) and "found" or "rate_limited"
return { outcome, public(record), text(now_ms()), text(counted), text(redis.call("PTTL", KEYS[2])) }
