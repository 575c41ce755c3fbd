-- Delivers a partition's next events to a group of consumers, and notices those that were trimmed away before the group had them.
-- KEYS[1] outbox: the partition's event stream
-- KEYS[2] readers: hash of how far each group is: the last event that it was given, and which one of all events that is
-- ARGV[1] group
-- ARGV[2] limit: most events that are delivered
-- ARGV[3] watch: "1" when a gap is to be recorded as an event
-- ARGV[4] partition: its number
-- ARGV[5] correlation: correlation id of that event
-- Returns { entries, missing, lag, last }: the entries, how many the group will never have, how many are ahead of it, its last event
-- Publishes nothing
-- Rejects nothing
local outbox, readers, group = KEYS[1], KEYS[2], ARGV[1]
-- One name for all consumers: what is pending belongs to the group, and no name of a dead process has to be cleared away.
local function deliver()
  local reply = redis.pcall("XREADGROUP", "GROUP", group, "worker", "COUNT", ARGV[2], "STREAMS", outbox, ">")
  return reply
end
local reply = deliver()
if reply and reply.err then
  -- No such group yet, or no longer: from the first event that is left. Any other error comes again here.
  redis.call("XGROUP", "CREATE", outbox, group, "0", "MKSTREAM")
  redis.call("HDEL", readers, group .. ":id", group .. ":read")
  reply = deliver()
end
local last = redis.call("HGET", readers, group .. ":id") or "0-0"
if not reply then
  return { {}, 0, 0, last }
end

local entries = reply[1][2]
local added, trimmed = stream_counts(outbox)
local before = tonumber(redis.call("HGET", readers, group .. ":read") or trimmed)
local missing = math.max(0, trimmed - before)
local read = before + missing + #entries
redis.call("HSET", readers, group .. ":id", entries[#entries][1], group .. ":read", text(read))
if missing > 0 and ARGV[3] == "1" then
  local range = { consumer = group, partition = tonumber(ARGV[4]), missing = missing, after = last, before = entries[1][1] }
  emit_gap(outbox, range, ARGV[5])
end
return { entries, missing, added - read, entries[#entries][1] }
