-- Reads the entries of a lane, each of which refers to a frame or to a held row. Placed after lib.lua in the scripts
-- that need it. The limit of prelabel/wire/frame.py. A held row stands for no more rows than the frame that it came
-- from.
local MAX_ENTRY_ROWS = 10000

-- Return the fields of an entry. `published` is when its rows were published, nil if that is not known; `low` is the
-- number of its first row in a frame that several lanes share, 0 for every other entry. Ends the script if the entry is
-- missing although the inbox counts rows, or if neither publish.lua nor held_lib.lua wrote it. An entry of a newer
-- version is not checked, since it may have more fields after these, and more rows.
local function entry_of(lane, line, known_version)
  local kind, id, version, rows, bytes, slow, seq, arrived, last =
    string.match(line or '', '^(%a) (%S+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) ?(%d*)')
  local entry = {kind = kind, id = id, version = tonumber(version), rows = tonumber(rows), bytes = tonumber(bytes),
    slow = tonumber(slow), seq = seq, arrived = tonumber(arrived), low = 0}
  if kind == 'f' then
    entry.published, entry.low = entry.arrived, tonumber(last) or 0
  else
    entry.published = tonumber(last)
  end
  if kind and entry.version > known_version then return entry end
  if (kind == 'f' or kind == 'h') and entry.rows >= 1 and entry.low + entry.rows <= MAX_ENTRY_ROWS
    and entry.low <= tonumber(seq) then return entry end
  differ('lane:' .. lane, 'an entry of 1 to ' .. MAX_ENTRY_ROWS .. ' rows')
end

-- Return an entry as an item of a chunk: all its rows, and the arrival number of row 0 of its frame.
local function item_of(entry)
  local seq = entry.low == 0 and entry.seq or text(entry.seq - entry.low)
  return table.concat({entry.kind, entry.id, entry.low, entry.low + entry.rows, seq}, ' ')
end

-- Return for how many ms the rows of an entry have been published; -1 if that is not known.
local function age_of(entry)
  return entry.published and math.max(0, now - entry.published) or -1
end

-- Cut a chunk from the heads of lanes. `parts` are tables of a lane's number, its list, and how many entries and rows of
-- it are taken; `ages` has the age of each item; `total` has the chunk's rows, bytes, slow annotations and version. The
-- caller holds the chunk with `token`, or nobody does if it is empty.
local function cut_chunk(id, parts, items, ages, total, lease, token)
  -- The counts are read first: if one of them is not a number, the script ends and every entry is still in its lane.
  local lanes, names, changes = {}, {'rows'}, {-total.rows}
  for _, part in ipairs(parts) do
    lanes[#lanes + 1] = part.lane
    names[#names + 1], changes[#changes + 1] = part.lane .. ':rows', -part.rows
    names[#names + 1], changes[#changes + 1] = part.lane .. ':open', 1
  end
  local fields = {}
  for i, value in ipairs(redis.call('HMGET', root .. ':inbox', unpack(names))) do
    local number = tonumber(value or 0)
    if not number or number % 1 ~= 0 then differ('inbox.' .. names[i], 'an integer') end
    fields[2 * i - 1], fields[2 * i] = names[i], text(number + changes[i])
  end
  redis.call('HSET', root .. ':inbox', unpack(fields))
  for _, part in ipairs(parts) do redis.call('LTRIM', part.list, part.entries, -1) end
  redis.call('HSET', chunk_key(id), 'v', total.version, 'state', 'open', 'lanes', table.concat(lanes, ' '),
    'rows', total.rows, 'bytes', total.bytes, 'slow', total.slow, 'items', table.concat(items, '\n'),
    'ages', table.concat(ages, ' '), 'due', text(now), 'cutMs', text(now), 'lease', token ~= '' and text(now + lease) or 0,
    'token', token, 'attempt', 0, 'cursor', 0, 'settled', 0, 'aside', 0)
  redis.call('ZADD', root .. ':chunks', text(now), id)
  set_timer('chunk:' .. id, now + lease)
end
