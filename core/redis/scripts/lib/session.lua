-- Shared by every session script; it stands in front of each one when it is loaded.
-- PUBLISH ("PUBLISH", or "SPUBLISH" under Redis Cluster) and OUTBOX_LIMIT (events kept a partition) are set above.

-- The one clock (PROTOCOL §1), in milliseconds since 1970.
local function now_ms()
  local time = redis.call("TIME")
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function text(number)
  return string.format("%.0f", number)
end

-- The session's record as a table, or nil; and what only scripts may see, which has a colon in its name: nonces, turns.
local function load(key)
  local flat = redis.call("HGETALL", key)
  if #flat == 0 then
    return nil
  end
  local record, hidden = {}, {}
  for i = 1, #flat, 2 do
    local field = flat[i]
    if string.find(field, ":", 1, true) then
      hidden[field] = flat[i + 1]
    else
      record[field] = flat[i + 1]
    end
  end
  return record, hidden
end

-- Writes the fields to the record and to its table alike.
local function write(key, record, fields)
  local flat = {}
  for field, value in pairs(fields) do
    flat[#flat + 1] = field
    flat[#flat + 1] = value
    record[field] = value
  end
  redis.call("HSET", key, unpack(flat))
end

-- Counts one in the minute that begins with the first, and returns how many there have been in it.
local function count_in_minute(key)
  local counted = redis.call("INCR", key)
  if counted == 1 then
    redis.call("PEXPIRE", key, 60000)
  end
  return counted
end

-- "pending", a terminal status, or "timeout" for a pending session whose time is over.
local function status_at(record, now)
  if record.status == "pending" and now >= tonumber(record.expiresAt) then
    return "timeout"
  end
  return record.status
end

-- How a device stands that wants to act: the reply that refuses it, or nil; and whether anything has counted against it
-- since its last confirmation. most: wrong DIDs in their window at which it is refused; 0 limits nothing.
local function look_at_device(key, most, now)
  local fields = { "status", "wrongInWindow", "windowEndsAt", "wrongInARow", "offersSinceConfirmation" }
  local device = redis.call("HMGET", key, unpack(fields))
  local left = tonumber(device[3] or 0) - now
  if most > 0 and tonumber(device[2] or 0) >= most and left > 0 then
    return { "rate_limited", "", text(now), text(left) }
  end
  if device[1] == "disabled" then
    return { "device_disabled", "", text(now) }
  end
  if device[1] ~= "active" then
    return { "device_revoked", "", text(now) }
  end
  return nil, tonumber(device[4] or 0) > 0 or tonumber(device[5] or 0) > 0
end

-- Appends one event of the session to its partition's outbox; data is a JSON object. Its id begins with its time, so that ids
-- of different partitions compare as the events happened: with "*" Redis would read the clock again, perhaps a millisecond
-- later. Only after a clock that was set back does the id go on from the stream's last one instead.
local function emit(outbox, record, type, now, correlation, data)
  local function add(call, id)
    return call(
      "XADD", outbox, "MAXLEN", "~", OUTBOX_LIMIT, id,
      "type", type, "time", text(now), "tenant", record.tenant, "sessionId", record.sessionId,
      "callId", record.callId, "provider", record.provider, "correlationId", correlation, "data", data or "{}"
    )
  end
  if add(redis.pcall, text(now) .. "-*").err then
    add(redis.call, "*")
  end
end

-- How many events a stream has had in all, and how many of them were trimmed away.
local function stream_counts(stream)
  local info = redis.call("XINFO", "STREAM", stream)
  local counts = {}
  for i = 1, #info, 2 do
    counts[info[i]] = info[i + 1]
  end
  return counts["entries-added"], counts["entries-added"] - counts["length"]
end

-- Records that events were trimmed away before a consumer had them. It concerns every tenant, since nobody knows whose they were.
local function emit_gap(outbox, range, correlation)
  local everyone = { tenant = "*", sessionId = "", callId = "", provider = "" }
  emit(outbox, everyone, "audit_gap", now_ms(), correlation, cjson.encode(range))
end

-- The record as readers get it.
local function public(record)
  return cjson.encode(record)
end

-- Ends a pending session: writes the terminal fields, forgets its deadline, records the event and tells every waiter.
-- keys: { session, outbox, due, channel }. Returns the public record.
local function finish(keys, record, status, now, event)
  local fields = event.fields or {}
  fields.status = status
  fields.terminalAt = text(now)
  write(keys.session, record, fields)
  redis.call("ZREM", keys.due, record.sessionId)
  emit(keys.outbox, record, status, now, event.correlation, event.data)
  local shown = public(record)
  redis.call(PUBLISH, keys.channel, shown)
  return shown
end
