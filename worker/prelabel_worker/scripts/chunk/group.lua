-- Cut a chunk from the entries of the lanes that have no open chunk, once they have enough rows or the oldest entry has
-- waited for its linger time. The project's overrides replace the worker's settings.
--
-- KEYS[1]  the project's root
-- ARGV     1 id for the chunk (random), 2 maximum rows, 3 maximum bytes, 4 maximum slow annotations, 5 maximum entries,
--          6 linger in ms, 7 maximum open chunks, 8 newest entry version that this worker knows, 9 lease in ms,
--          10 a token (random) to hold the chunk with if no other can be cut now, or ''
-- returns  {'cut', rows that remain in these lanes: with 0 there is no other chunk to cut now} and, if the caller holds
--          the chunk, what take.lua returns after `taken`
--          | {'none', the time in ms at which to look again, 0 for never}
-- cost     O(lanes + open chunks + entries taken); no frame is read
local id, max_rows, max_bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local max_slow, max_entries, linger = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local max_open, known_version, lease = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])

local meta = redis.call('HMGET', root .. ':meta', 'lanes', 'pausedUntil', 'lingerMs', 'chunkRows', 'flushedSeq',
  'openMost', 'openBound', 'purgeSeq')
if not meta[1] then
  redis.call('ZREM', root .. ':timers', 'group')
  return {'none', 0}
end
local overrides = redis.call('HMGET', root .. ':overrides', 'chunkRows', 'lingerMs', 'submitAs')
max_rows, linger = tonumber(overrides[1]) or max_rows, tonumber(overrides[2]) or linger
-- publish.lua reads these two from the meta hash to set the group timer.
if tonumber(meta[3]) ~= linger or tonumber(meta[4]) ~= max_rows then
  redis.call('HSET', root .. ':meta', 'lingerMs', linger, 'chunkRows', max_rows)
end
if tonumber(meta[2] or 0) > now then
  set_timer('group', tonumber(meta[2]))
  return {'none', meta[2]}
end
if meta[8] then -- the purge takes the rows that came before it, and no chunk is cut before it ends
  set_timer('group', now + PURGE_LOOK_MS)
  return {'none', text(now + PURGE_LOOK_MS)}
end
-- open_lib.lua raises and lowers this number between 1 and the maximum of the settings, where it begins.
local open_most = math.min(tonumber(meta[6]) or max_open, max_open)
if not meta[6] or tonumber(meta[7]) ~= max_open then
  redis.call('HSET', root .. ':meta', 'openMost', open_most, 'openBound', max_open)
end
if no_place(open_most) then
  redis.call('ZREM', root .. ':timers', 'group') -- the next chunk that is settled sets the timer again
  return {'none', 0}
end

-- Reads the fields by name, not with HGETALL: a publisher that bypasses publish.lua may write millions of other fields.
local last_lane, names = lanes_of(meta[1]) - 1, {}
for lane = 0, last_lane do
  names[2 * lane + 1], names[2 * lane + 2] = lane .. ':rows', lane .. ':open'
end
local inbox = redis.call('HMGET', root .. ':inbox', unpack(names))

local free, waiting, oldest, first, newer = {}, 0, now, math.huge, false
for lane = 0, last_lane do
  local rows, open = tonumber(inbox[2 * lane + 1]) or 0, tonumber(inbox[2 * lane + 2]) or 0
  if rows > 0 and open == 0 then
    local head = entry_of(lane, redis.call('LINDEX', root .. ':lane:' .. lane, 0), known_version)
    if head.version > known_version then
      newer = true
    else
      free[#free + 1] = {lane = lane, arrived = head.arrived}
      waiting, oldest = waiting + rows, math.min(oldest, head.arrived)
      first = math.min(first, tonumber(head.seq))
    end
  end
end
if waiting == 0 then
  local at = newer and newer_at() or 0
  if newer then set_timer('group', at) else redis.call('ZREM', root .. ':timers', 'group') end
  return {'none', text(at)}
end
local flushed = first <= tonumber(meta[5] or 0) -- an operator ran `flush` after these rows had arrived
if waiting < max_rows and now - oldest < linger and not flushed then
  set_timer('group', oldest + linger)
  return {'none', text(oldest + linger)}
end
table.sort(free, function(a, b) return a.arrived < b.arrived end)

-- Every annotation of tiled imagery imports slowly. The publisher counts slow annotations without knowing the media
-- type, so they are estimated here: an annotation has at least about 100 bytes.
local media = string.gsub(string.upper(redis.call('HGET', root .. ':ontology', 'mediaType') or ''), '[-_ ]', '')
local tiled = media == 'TMSGEO' or media == 'TMSSIMPLE'
local function slow_of(e)
  return tiled and math.max(e.slow, math.ceil(e.bytes / 100)) or e.slow
end

local items, ages, parts = {}, {}, {}
local rows, bytes, slow, full, version = 0, 0, 0, false, version_of(overrides[3], 1)
for _, candidate in ipairs(free) do
  local list = root .. ':lane:' .. candidate.lane
  local part = {lane = candidate.lane, list = list, entries = 0, rows = 0}
  for _, line in ipairs(redis.call('LRANGE', list, 0, max_entries - #items - 1)) do
    local e = entry_of(candidate.lane, line, known_version)
    if e.version > known_version then break end
    full = #items > 0 and (rows + e.rows > max_rows or bytes + e.bytes > max_bytes or slow + slow_of(e) > max_slow)
    if full then break end
    items[#items + 1], ages[#ages + 1] = item_of(e), age_of(e)
    rows, bytes, slow = rows + e.rows, bytes + e.bytes, slow + slow_of(e)
    version = math.max(version, e.version)
    part.entries, part.rows = part.entries + 1, part.rows + e.rows
  end
  if part.entries > 0 then parts[#parts + 1] = part end
  if full or #items >= max_entries then break end
end
local token = waiting == rows and ARGV[10] or ''
cut_chunk(id, parts, items, ages, {rows = rows, bytes = bytes, slow = slow, version = version}, lease, token)
-- Rows of other lanes are waited for by the open chunks of these, which set the timer when they end.
if waiting > rows then set_timer('group', now) else redis.call('ZREM', root .. ':timers', 'group') end
if token == '' then return {'cut', waiting - rows} end
return {'cut', 0, text(now), (fields_of(chunk_key(id), true, false))}
