-- Reads one session as it stands now.
-- KEYS[1] session: the session's record
-- ARGV[1] tenant: another tenant's session does not exist
-- Returns { "found" | "not_found", record, now }
-- Publishes nothing
-- Rejects not_found
local record = load(KEYS[1])
if not record or (ARGV[1] ~= "" and record.tenant ~= ARGV[1]) then
  return { "not_found" }
end
return { "found", public(record), text(now_ms()) }
