-- Issues a nonce of a pending session to one device: by the spoken DID, or by a push offer. A repeat gets the same nonce.
-- KEYS[1] call: the call's record; the session's own key is KEYS[1] followed by ":" and the generation, in the same slot
-- KEYS[2] device: the device's record; KEYS[1] again for an offer, or when the caller has asked how it stands
-- ARGV[1] kind: "did" or "push"
-- ARGV[2] did: the code that was typed; "" for a push
-- ARGV[3] zid: the device
-- ARGV[4] suid: its subject
-- ARGV[5] nonce: a fresh random value
-- ARGV[6] most: wrong DIDs in their window at which the device is refused; 0 limits nothing
-- Returns { "claimed" | rejection, record, now, nonce }; a refused device has no record, and ms to wait at the end
-- Publishes nothing
-- Rejects rate_limited, device_revoked, device_disabled, wrong_did, expired, subject_mismatch, spent
local kind, zid, nonce = ARGV[1], ARGV[3], ARGV[5]
local now = now_ms()
local refused = KEYS[2] ~= KEYS[1] and look_at_device(KEYS[2], tonumber(ARGV[6]), now)
if refused then
  return refused
end
local generation = redis.call("HGET", KEYS[1], "generation")
local session = KEYS[1] .. ":" .. (generation or "0")
local record, hidden = load(session)
if not record then
  return { "wrong_did" }
end
local shown = public(record)
if kind == "did" and record.did ~= ARGV[2] then
  return { "wrong_did", shown, text(now) }
end
local status = status_at(record, now)
if status == "timeout" or (status == "pending" and record.callEndedAt) then
  return { "expired", shown, text(now) }
end
if status ~= "pending" then
  return { "wrong_did", shown, text(now) }
end
if record.expectedSubject and record.expectedSubject ~= ARGV[4] then
  return { "subject_mismatch", shown, text(now) }
end
local field = "nonce:" .. kind .. ":" .. zid
local issued = hidden[field]
if issued == "spent" then
  if kind == "push" then
    return { "spent", shown, text(now) }
  end
  issued = nil
end
if not issued then
  redis.call("HSET", session, field, nonce)
  issued = nonce
end
return { "claimed", shown, text(now), issued }
