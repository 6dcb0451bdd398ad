-- Cut a chunk from the waiting rows that a purge covers. The purge then gives its rows their outcome, as a worker would.
-- Only lanes without an open chunk are taken: if somebody ends the purge now, workers import the chunk, in order.
--
-- KEYS[1]  the project's root
-- ARGV     1 id for the chunk (random), 2 maximum rows, 3 maximum entries, 4 newest entry version that this release
--          knows, 5 lease in ms
-- returns  {'cut', rows} | {'none'} (no row that it covers waits at the head of a free lane) | {'ended'} (no purge has begun,
--          or somebody has ended it)
-- cost     O(lanes + entries taken); no frame is read
local id, max_rows, max_entries = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local known_version, lease = tonumber(ARGV[4]), tonumber(ARGV[5])
local meta = redis.call('HMGET', root .. ':meta', 'lanes', 'purgeSeq')
local last = tonumber(meta[2] or '')
if not meta[1] or not last then return {'ended'} end

local items, ages, parts = {}, {}, {}
local total = {rows = 0, bytes = 0, slow = 0, version = 1}
for lane = 0, lanes_of(meta[1]) - 1 do
  local list = root .. ':lane:' .. lane
  local part = {lane = lane, list = list, entries = 0, rows = 0}
  local open = tonumber(redis.call('HGET', root .. ':inbox', lane .. ':open') or 0)
  local room = open == 0 and max_entries - #items or 0
  for _, line in ipairs(room > 0 and redis.call('LRANGE', list, 0, room - 1) or {}) do
    local e = entry_of(lane, line, known_version)
    if e.version > known_version or tonumber(e.seq) > last then break end
    if #items > 0 and total.rows + e.rows > max_rows then break end
    items[#items + 1], ages[#ages + 1] = item_of(e), age_of(e)
    total.rows, total.bytes, total.slow = total.rows + e.rows, total.bytes + e.bytes, total.slow + e.slow
    total.version = math.max(total.version, e.version)
    part.entries, part.rows = part.entries + 1, part.rows + e.rows
  end
  if part.entries > 0 then parts[#parts + 1] = part end
end
if #items == 0 then return {'none'} end
cut_chunk(id, parts, items, ages, total, lease, '')
return {'cut', total.rows}
