-- Appends a partition's next events to its audit chain, if the chain still ends where the caller saw it end.
-- KEYS[1] audit: the chain, a stream whose ids are those of the events
-- KEYS[2] head: hash of its end: sequence, hash, id of the event, and how many of all events of the outbox it has had
-- KEYS[3] outbox: the partition's event stream
-- ARGV[1] group: whose acknowledgements go with the append
-- ARGV[2] head: the hash that the first record continues; "" when the chain is empty
-- ARGV[3] first: stream id of the first event; it must be the outbox's next one
-- ARGV[4] last: stream id of the last event; where a failover has taken it back, nothing is appended
-- ARGV[5] partition: its number
-- ARGV[6] correlation: correlation id of a gap's event
-- ARGV[7…] id, record, … : stream id of each event, and its hash (64 hexadecimal digits) followed by its canonical JSON
-- Returns { "appended" | "moved", sequence, hash, id, missing }: where the chain ends now
-- Publishes nothing
-- Rejects moved
local audit, outbox = KEYS[1], KEYS[3]
local head = redis.call("HMGET", KEYS[2], "sequence", "hash", "id", "read")
local sequence, hash, id = tonumber(head[1] or 0), head[2] or "", head[3] or "0-0"
local following = redis.call("XRANGE", outbox, "(" .. id, "+", "COUNT", 1)
-- What a failover took back is the end of what was read: where the last event is, there are all of them.
local kept = #redis.call("XRANGE", outbox, ARGV[4], ARGV[4]) == 1
if hash ~= ARGV[2] or not following[1] or following[1][1] ~= ARGV[3] or not kept then
  return { "moved", text(sequence), hash, id, 0 }
end

local _, trimmed = stream_counts(outbox)
local before = tonumber(head[4] or 0)
local missing = math.max(0, trimmed - before)
if missing > 0 then
  local range = { consumer = "audit", partition = tonumber(ARGV[5]), missing = missing, after = id, before = ARGV[3] }
  emit_gap(outbox, range, ARGV[6])
end
local read = before + missing
local acknowledged = {}
for i = 7, #ARGV, 2 do
  sequence = sequence + 1
  read = read + 1
  id = ARGV[i]
  acknowledged[#acknowledged + 1] = id
  local previous = hash
  hash = string.sub(ARGV[i + 1], 1, 64)
  local event = string.sub(ARGV[i + 1], 65)
  redis.call("XADD", audit, id, "sequence", text(sequence), "previous", previous, "hash", hash, "event", event)
end
redis.call("HSET", KEYS[2], "sequence", text(sequence), "hash", hash, "id", id, "read", text(read))
redis.call("XACK", outbox, ARGV[1], unpack(acknowledged))
return { "appended", text(sequence), hash, id, missing }
