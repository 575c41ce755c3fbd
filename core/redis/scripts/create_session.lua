-- Opens the session of a call, or returns the one that it has already.
-- KEYS[1] call: the call's record; the session's own key is KEYS[1] followed by ":" and the generation, in the same slot
-- KEYS[2] outbox: the partition's event stream
-- KEYS[3] due: sorted set of pending sessions by expiry
-- KEYS[4] channel: prefix of the status channel; ":" and the generation follow
-- ARGV[1] did: the reserved code
-- ARGV[2] ttl: milliseconds
-- ARGV[3] retention: milliseconds that the session's record outlives its expiry
-- ARGV[4] callRetention: milliseconds that the call's record is kept
-- ARGV[5] maxReissues: how often a timed-out session of one call may be issued anew
-- ARGV[6] reissue: "1" when a new generation is wanted
-- ARGV[7] idStem: the session id without its generation
-- ARGV[8] correlation: correlation id
-- ARGV[9] data: JSON object for the session_created event
-- ARGV[10…] field, value, … : what the caller knows of the session
-- Returns { "created" | "existing" | "session_terminal" | "reissue_exhausted", record, now }
-- Publishes the timeout of the generation before, when a reissue finds it unrecorded
-- Rejects session_terminal, reissue_exhausted
local call, outbox, due = KEYS[1], KEYS[2], KEYS[3]
local ttl, retention, correlation = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[8]
local now = now_ms()
local latest = redis.call("HMGET", call, "generation", "reissues")
local generation, reissues = tonumber(latest[1] or 0), tonumber(latest[2] or 0)
local previous = generation > 0 and load(call .. ":" .. generation) or nil

if previous then
  local status = status_at(previous, now)
  -- A reserved code is nobody else's: this creation was done before, and its answer was lost with the connection.
  if status == "pending" and previous.did == ARGV[1] then
    return { "created", public(previous), text(now) }
  end
  if status == "pending" or ARGV[6] ~= "1" then
    return { "existing", public(previous), text(now) }
  end
  if status ~= "timeout" then
    return { "session_terminal", public(previous), text(now) }
  end
  if reissues >= tonumber(ARGV[5]) then
    return { "reissue_exhausted", public(previous), text(now) }
  end
  if previous.status == "pending" then
    local keys = { session = call .. ":" .. generation, outbox = outbox, due = due, channel = KEYS[4] .. ":" .. generation }
    finish(keys, previous, "timeout", now, { correlation = previous.correlationId })
  end
end

generation = generation + 1
reissues = previous and reissues + 1 or 0
local session = call .. ":" .. generation
local record = {}
local fields = {
  sessionId = ARGV[7] .. "_" .. generation,
  generation = text(generation),
  status = "pending",
  did = ARGV[1],
  createdAt = text(now),
  expiresAt = text(now + ttl),
  correlationId = correlation,
  reissues = text(reissues),
  intercept = "none",
  attempts = "0",
}
for i = 10, #ARGV, 2 do
  fields[ARGV[i]] = ARGV[i + 1]
end
write(session, record, fields)
redis.call("PEXPIRE", session, ttl + retention)
redis.call("HSET", call, "generation", text(generation), "reissues", text(reissues))
-- The numbering outlives every session that it counts: a forgotten generation would be opened over its old record.
redis.call("PEXPIRE", call, math.max(tonumber(ARGV[4]), ttl + retention, redis.call("PTTL", call)))
redis.call("ZADD", due, now + ttl, record.sessionId)
emit(outbox, record, "session_created", now, correlation, ARGV[9])
emit(outbox, record, "did_issued", now, correlation)
if previous then
  emit(outbox, record, "reissued", now, correlation)
end
return { "created", public(record), text(now) }
