-- Confirms or denies a session by a proof whose signature has been verified: the one place where a verification is decided.
-- KEYS[1] session: the session's record
-- KEYS[2] outbox: the partition's event stream
-- KEYS[3] due: sorted set of pending sessions by expiry
-- KEYS[4] channel: the session's status channel
-- KEYS[5] owed: sorted set of the intercepts that are still owed
-- KEYS[6] device: the device's record; KEYS[1] again when the caller has asked how it stands
-- ARGV[1] tenant
-- ARGV[2] zid: the device
-- ARGV[3] suid: its subject
-- ARGV[4] decision: "confirm" or "deny"
-- ARGV[5] jti: the proof's id
-- ARGV[6] cid: call id
-- ARGV[7] prv: provider
-- ARGV[8] gen: generation
-- ARGV[9] nonce
-- ARGV[10] method: "did" or "push"
-- ARGV[11] push: the tenant's push policy
-- ARGV[12] code: the DID; for a push under policy "match" its last two digits
-- ARGV[13] correlation: correlation id
-- ARGV[14] data: JSON object for the event
-- ARGV[15] most: wrong DIDs in their window at which the device is refused; 0 limits nothing
-- ARGV[16] grant: token of the first attempt to move the call, for the confirmation's own job; "" grants nothing
-- ARGV[17] lease: milliseconds that nobody else may act
-- ARGV[18…] field, value, … : what the receipt will say of the proof
-- Returns { "confirmed" | "denied" | "repeated" | rejection, record, now }; a refused device has no record, and ms to wait at the end
-- Publishes the terminal record
-- Rejects rate_limited, device_revoked, device_disabled, not_found, call_mismatch, invalid_proof, subject_mismatch, wrong_did, session_terminal, late_confirmation
local session, outbox = KEYS[1], KEYS[2]
local zid, decision, jti, nonce = ARGV[2], ARGV[4], ARGV[5], ARGV[9]
local correlation = ARGV[13]
local now = now_ms()
local refused, counted
if KEYS[6] ~= session then
  refused, counted = look_at_device(KEYS[6], tonumber(ARGV[15]), now)
end
if refused then
  return refused
end

local record, hidden = load(session)
if not record or record.tenant ~= ARGV[1] then
  return { "not_found" }
end
if record.jti == jti and record.deviceId == zid then
  return { "repeated", public(record), text(now) }
end
if record.callId ~= ARGV[6] or record.provider ~= ARGV[7] or record.generation ~= ARGV[8] then
  return { "call_mismatch", public(record), text(now) }
end

local method = ARGV[10]
local field
-- "spent" stands in the record where a nonce was, so it is never one.
if nonce == "spent" then
  return { "invalid_proof", public(record), text(now) }
elseif hidden["nonce:push:" .. zid] == nonce then
  field = "nonce:push:" .. zid
elseif hidden["nonce:did:" .. zid] == nonce and method == "did" then
  field = "nonce:did:" .. zid
else
  return { "invalid_proof", public(record), text(now) }
end
if record.expectedSubject and record.expectedSubject ~= ARGV[3] then
  return { "subject_mismatch", public(record), text(now) }
end

local code = ARGV[12]
local equal = code == record.did
if method == "push" and ARGV[11] == "match" then
  equal = code == string.sub(record.did, -2)
elseif method == "push" and ARGV[11] == "tap" then
  equal = true
end
if decision == "confirm" and not equal then
  redis.call("HSET", session, field, "spent")
  emit(outbox, record, "wrong_did", now, correlation, ARGV[14])
  return { "wrong_did", public(record), text(now) }
end

local status = status_at(record, now)
if status ~= "pending" and status ~= "timeout" then
  return { "session_terminal", public(record), text(now) }
end
if status == "timeout" or record.callEndedAt then
  emit(outbox, record, "late_confirmation", now, correlation, ARGV[14])
  return { "late_confirmation", public(record), text(now) }
end

local fields = { jti = jti, deviceId = zid, subjectId = ARGV[3], method = method }
for i = 18, #ARGV, 2 do
  fields[ARGV[i]] = ARGV[i + 1]
end
local outcome = "denied"
if decision == "confirm" then
  outcome = "confirmed"
  fields.confirmedAt = text(now)
  if counted then
    redis.call("HSET", KEYS[6], "wrongInARow", "0", "offersSinceConfirmation", "0")
  end
  if record.mode ~= "none" then
    fields.intercept = "pending"
    if ARGV[16] ~= "" then
      -- As claim_intercept.lua would leave it: whoever takes the job need not ask.
      fields.granted, fields.attempts, fields.lastOutcome = "1", "1", "unknown"
      fields.leaseToken, fields.leaseUntil = ARGV[16], text(now + tonumber(ARGV[17]))
    end
    redis.call("ZADD", KEYS[5], now, record.sessionId)
  end
end
local keys = { session = session, outbox = outbox, due = KEYS[3], channel = KEYS[4] }
local shown = finish(keys, record, outcome, now, { fields = fields, correlation = correlation, data = ARGV[14] })
return { outcome, shown, text(now) }
