-- Gives back what a creation took that opened no session: its counts, and its code.
-- KEYS[1] codes: prefix of the tenant's code index; ":" and the code follow, in the same slot
-- KEYS[2] live: prefix of the tenant's live codes by expiry; ":" and the number of digits follow, in the same slot
-- KEYS[3] byKey: how many sessions this API key has created in its window
-- KEYS[4] byAni: how many this number has
-- ARGV[1] owner: what the code leads to
-- ARGV[2] code: "" when none was reserved
-- Returns 1 when the code was given back, else 0
-- Publishes nothing
-- Rejects nothing
local function uncount(key)
  if tonumber(redis.call("GET", key) or 0) > 0 then
    redis.call("DECR", key)
  end
end
uncount(KEYS[3])
uncount(KEYS[4])
local code = KEYS[1] .. ":" .. ARGV[2]
if redis.call("GET", code) ~= ARGV[1] then
  return 0
end
redis.call("DEL", code)
redis.call("ZREM", KEYS[2] .. ":" .. #ARGV[2], ARGV[2])
return 1
