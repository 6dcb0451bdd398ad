-- Replace a chunk by two children, cut before row `middle`. The children share its lanes, from which the next chunk is
-- cut only when both are settled.
--
-- KEYS[1]  the project's root
-- ARGV     1 chunk id, 2 token, 3 middle (a multiple of 8 above 16 rows, so that the bitmap can be cut by bytes),
--          4 and 5 ids of the children (random), 6 lease in ms, 7 number of rows that the holder read in the chunk's
--          hash
-- returns  1, or 0 if the token is not the holder's
local id, token, middle, lease = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[6])
local key = chunk_key(id)
if not holds(id, token) then return 0 end
local chunk = redis.call('HMGET', key, 'rows', 'items', 'lanes', 'bytes', 'slow', 'cutMs', 'cursor', 'v', 'origin',
  'originRows', 'ages')
-- The hash may have been changed since the holder read and checked it, and the loops below run up to these numbers.
local rows, cursor = tonumber(chunk[1]), tonumber(chunk[7])
if rows ~= tonumber(ARGV[7]) then differ('chunk.rows', ARGV[7]) end
if not (cursor and cursor >= 0 and cursor <= rows) then differ('chunk.cursor', '0 to ' .. rows) end
-- Rows before the cursor have their outcomes, so the children treat them as set aside.
for i = 0, cursor - 1 do redis.call('SETBIT', key .. ':aside', i, 1) end

-- A chunk that an older release cut has no ages, and so have its children.
local parts, ages, next_age, at = {{}, {}}, {{}, {}}, string.gmatch(chunk[11] or '', '%S+'), 0
local function give(n, age, ...)
  table.insert(parts[n], table.concat({...}, ' '))
  table.insert(ages[n], age)
end
for kind, fid, low, high, seq in string.gmatch(chunk[2], '(%a) (%S+) (%d+) (%d+) (%d+)') do
  low, high = tonumber(low), tonumber(high)
  local cut = math.max(low, math.min(high, low + middle - at)) -- the first row of this item for the second child
  local age = next_age()
  if cut > low then give(1, age, kind, fid, low, cut, seq) end
  if cut < high then give(2, age, kind, fid, cut, high, seq) end
  at = at + high - low
end

local function copy_aside(child, from, to)
  if from % 8 == 0 and rows > 16 then
    local last = to == rows and -1 or to / 8 - 1
    local bytes = redis.call('GETRANGE', key .. ':aside', from / 8, last)
    if #bytes > 0 then redis.call('SET', child .. ':aside', bytes) end
  else
    for i = from, to - 1 do
      if redis.call('GETBIT', key .. ':aside', i) == 1 then redis.call('SETBIT', child .. ':aside', i - from, 1) end
    end
  end
  return redis.call('BITCOUNT', child .. ':aside')
end

local bounds = {{0, middle}, {middle, rows}}
for n = 1, 2 do
  local child_id = ARGV[3 + n]
  local child = chunk_key(child_id)
  local size = bounds[n][2] - bounds[n][1]
  local share = size / rows
  redis.call('HSET', child, 'v', chunk[8] or 1, 'state', 'open', 'lanes', chunk[3], 'rows', size,
    'bytes', math.ceil(tonumber(chunk[4]) * share), 'slow', math.ceil(tonumber(chunk[5]) * share),
    'items', table.concat(parts[n], '\n'), 'ages', table.concat(ages[n], ' '), 'due', text(now),
    'cutMs', chunk[6], 'lease', 0, 'attempt', 0, 'cursor', 0, 'settled', 0, 'aside', copy_aside(child, bounds[n][1], bounds[n][2]),
    'origin', chunk[9] or id, 'originRows', chunk[10] or rows)
  redis.call('ZADD', root .. ':chunks', text(now), child_id)
  set_timer('chunk:' .. child_id, now + lease)
end
for lane in string.gmatch(chunk[3], '%d+') do redis.call('HINCRBY', root .. ':inbox', lane .. ':open', 1) end
-- The first child takes over the history's entries of the rows that already have outcomes.
if redis.call('EXISTS', key .. ':past') == 1 then
  redis.call('RENAME', key .. ':past', chunk_key(ARGV[4]) .. ':past')
end
redis.call('DEL', key, key .. ':aside', key .. ':sent')
redis.call('ZREM', root .. ':chunks', id)
redis.call('ZREM', root .. ':timers', 'chunk:' .. id)
return 1
