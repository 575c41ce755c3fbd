-- Reads the latest session of a call as it stands now.
-- KEYS[1] call: the call's record; the session's own key is KEYS[1] followed by ":" and the generation, in the same slot
-- Returns { "found" | "not_found", record, now }
-- Publishes nothing
-- Rejects not_found
local generation = redis.call("HGET", KEYS[1], "generation")
local record = generation and load(KEYS[1] .. ":" .. generation) or nil
if not record then
  return { "not_found" }
end
return { "found", public(record), text(now_ms()) }
