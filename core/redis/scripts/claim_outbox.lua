-- Delivers events again that a group was given long ago and has not handled, and notices those that were trimmed away meanwhile.
-- KEYS[1] outbox: the partition's event stream
-- ARGV[1] group
-- ARGV[2] idle: milliseconds since the event was delivered last
-- ARGV[3] limit: most events that are delivered
-- ARGV[4] from: stream id to look on from; "0-0" at first, then what was returned
-- ARGV[5] watch: "1" when a gap is to be recorded as an event
-- ARGV[6] partition: its number
-- ARGV[7] correlation: correlation id of that event
-- Returns { entries, missing, from }: "0-0" when everything has been looked at
-- Publishes nothing
-- Rejects nothing
local outbox, group = KEYS[1], ARGV[1]
local reply = redis.pcall("XAUTOCLAIM", outbox, group, "worker", ARGV[2], ARGV[4], "COUNT", ARGV[3])
if reply.err then
  -- The group is made by whoever reads first.
  return { {}, 0, "0-0" }
end
local gone = reply[3] or {}
if #gone > 0 and ARGV[5] == "1" then
  local range = { consumer = group, partition = tonumber(ARGV[6]), missing = #gone, first = gone[1], last = gone[#gone] }
  emit_gap(outbox, range, ARGV[7])
end
return { reply[2], #gone, reply[1] }
