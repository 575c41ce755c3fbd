-- Counts a creation against its limits of a minute, and reserves the first candidate that is free, in a space where less than one code in a thousand is live.
-- KEYS[1] codes: prefix of the tenant's code index; ":" and the code follow, in the same slot
-- KEYS[2] live: prefix of the tenant's live codes by expiry; ":" and the number of digits follow, in the same slot
-- KEYS[3] byKey: how many sessions this API key has created in its window
-- KEYS[4] byAni: how many this number has
-- ARGV[1] owner: what the code leads to
-- ARGV[2] ttl: milliseconds that the code is live
-- ARGV[3] grace: milliseconds after that in which it still reads as expired, not as unknown
-- ARGV[4] mostByKey: creations that the window allows; 0 does not count
-- ARGV[5] mostByAni: likewise
-- ARGV[6…] code, limit, … : candidates and how many codes of that length may be live at once
-- Returns { "reserved", code }, { "crowded" } when every candidate was taken, or { "rate_limited", "1" for the first refusal of a window else "0", ms left of it }
-- Publishes nothing
-- Rejects nothing
local first, left = "0", 0
local function count(key, most)
  local counted = most > 0 and count_in_minute(key) or 0
  if counted > most then
    left = math.max(left, redis.call("PTTL", key), 1)
    if counted == most + 1 then
      first = "1"
    end
  end
end
count(KEYS[3], tonumber(ARGV[4]))
count(KEYS[4], tonumber(ARGV[5]))
if left > 0 then
  return { "rate_limited", first, text(left) }
end
local now = now_ms()
local ttl, grace = tonumber(ARGV[2]), tonumber(ARGV[3])
for i = 6, #ARGV, 2 do
  local code = ARGV[i]
  local live = KEYS[2] .. ":" .. #code
  redis.call("ZREMRANGEBYSCORE", live, "-inf", now)
  if redis.call("ZCARD", live) < tonumber(ARGV[i + 1]) then
    if redis.call("SET", KEYS[1] .. ":" .. code, ARGV[1], "NX", "PX", ttl + grace) then
      redis.call("ZADD", live, now + ttl, code)
      redis.call("PEXPIRE", live, 600000)
      return { "reserved", code }
    end
  end
end
return { "crowded" }
