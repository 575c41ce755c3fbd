-- Counts a wrong DID of a device since its last success, and disables the device when there were too many.
-- KEYS[1] device: the device's record
-- ARGV[1] most: wrong DIDs in a row that disable it
-- Returns { count, "active" | "disabled" | "revoked" }; count 0 when there is no such device
-- Publishes nothing
-- Rejects nothing
local status = redis.call("HGET", KEYS[1], "status")
if not status then
  return { 0, "revoked" }
end
local count = redis.call("HINCRBY", KEYS[1], "wrongInARow", 1)
if count >= tonumber(ARGV[1]) and status == "active" then
  status = "disabled"
  redis.call("HSET", KEYS[1], "status", status)
end
return { count, status }
