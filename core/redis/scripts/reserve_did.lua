-- Reserves the first candidate that is free, in a space where less than one code in a thousand is live.
-- KEYS[1] codes: prefix of the tenant's code index; ":" and the code follow, in the same slot
-- KEYS[2] live: prefix of the tenant's live codes by expiry; ":" and the number of digits follow, in the same slot
-- ARGV[1] owner: what the code leads to
-- ARGV[2] ttl: milliseconds that the code is live
-- ARGV[3] grace: milliseconds after that in which it still reads as expired, not as unknown
-- ARGV[4…] code, limit, … : candidates and how many codes of that length may be live at once
-- Returns the reserved code, or "" when every candidate was taken
-- Publishes nothing
-- Rejects nothing
local now = now_ms()
local ttl, grace = tonumber(ARGV[2]), tonumber(ARGV[3])
for i = 4, #ARGV, 2 do
  local code = ARGV[i]
  local live = KEYS[2] .. ":" .. #code
  redis.call("ZREMRANGEBYSCORE", live, "-inf", now)
  if redis.call("ZCARD", live) < tonumber(ARGV[i + 1]) then
    if redis.call("SET", KEYS[1] .. ":" .. code, ARGV[1], "NX", "PX", ttl + grace) then
      redis.call("ZADD", live, now + ttl, code)
      redis.call("PEXPIRE", live, 600000)
      return code
    end
  end
end
return ""
