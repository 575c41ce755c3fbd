-- Gives a code back that no session came to use.
-- KEYS[1] codes: prefix of the tenant's code index; ":" and the code follow, in the same slot
-- KEYS[2] live: prefix of the tenant's live codes by expiry; ":" and the number of digits follow, in the same slot
-- ARGV[1] owner: what the code leads to
-- ARGV[2] code
-- Returns 1 when it was given back, else 0
-- Publishes nothing
-- Rejects nothing
local key = KEYS[1] .. ":" .. ARGV[2]
if redis.call("GET", key) ~= ARGV[1] then
  return 0
end
redis.call("DEL", key)
redis.call("ZREM", KEYS[2] .. ":" .. #ARGV[2], ARGV[2])
return 1
