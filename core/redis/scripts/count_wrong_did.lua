-- Counts a wrong DID of a device: since its last success, which disables it in the end, and in a window that limits guessing.
-- KEYS[1] device: the device's record
-- ARGV[1] most: wrong DIDs in a row that disable it
-- ARGV[2] window: milliseconds from the first wrong DID that is counted in it
-- Returns { in a row, "active" | "disabled" | "revoked", in the window, ms left of the window }; 0 when there is no such device
-- Publishes nothing
-- Rejects nothing
local device = redis.call("HMGET", KEYS[1], "status", "wrongInWindow", "windowEndsAt")
local status, inWindow, endsAt = device[1], tonumber(device[2] or 0), tonumber(device[3] or 0)
if not status then
  return { 0, "revoked", 0, 0 }
end
local now = now_ms()
if now >= endsAt then
  inWindow, endsAt = 0, now + tonumber(ARGV[2])
end
inWindow = inWindow + 1
local inARow = redis.call("HINCRBY", KEYS[1], "wrongInARow", 1)
if inARow >= tonumber(ARGV[1]) and status == "active" then
  status = "disabled"
end
redis.call("HSET", KEYS[1], "status", status, "wrongInWindow", text(inWindow), "windowEndsAt", text(endsAt))
return { inARow, status, inWindow, endsAt - now }
