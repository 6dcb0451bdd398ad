-- Put frames into a project's inbox: all of them or none, and each frame only once.
--
-- KEYS[1]  the project's root, `<prefix>:{<project>}`
-- ARGV[1]  maximum rows in the inbox
-- ARGV[2…] frames: the bytes of prelabel/wire/frame.py, one or a few for each lane. A frame is refused if it has
--          more bytes than its header says, since a worker reserves memory by the header; if it has more rows than
--          one script can settle; if its form is unknown; and if no worker can serve its lane count, since the first
--          frame of a project fixes it for good
-- returns  {'ok', rows that were new} | {'lanes', the project's lane count} | {'full', rows in the inbox}
--          | {'version', the unknown version} | {'limit', the number of the frame}
-- cost     O(frames); no frame's body is read
local root = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local max_frame_rows, max_frame_bytes = 10000, 16 * 1024 * 1024 -- of prelabel/wire/frame.py
local max_lanes = 1024 -- of prelabel/wire/lanes.py: each script that looks at a project walks its lanes

-- Call a command with all these arguments, some at a time, as Lua can hand over a few thousand only; join the answers.
local function call_with(command, key, arguments)
  local answers = {}
  for first = 1, #arguments, 1000 do
    local answer = redis.call(command, key, unpack(arguments, first, math.min(first + 999, #arguments)))
    if type(answer) == 'table' then for _, each in ipairs(answer) do answers[#answers + 1] = each end end
  end
  return answers
end

-- Count rows of this minute or quarter of an hour: a series that the console shows, see `FlowKeys` in wire/keys.py.
-- Nothing is written where a user may not let the key expire, as with the rights of an older release, and a key that
-- cannot be used loses the number and nothing else.
local function count_in(name, span, step, keep, rows)
  local second = math.floor(now / 1000)
  local key = root .. name .. math.floor(second / span)
  local field = math.floor(second % span / step) .. ':published'
  local new = redis.pcall('HEXISTS', key, field) ~= 1
  if new and type(redis.pcall('EXPIRE', key, keep)) ~= 'number' then return end
  redis.pcall('HINCRBY', key, field, rows)
  if new then redis.pcall('EXPIRE', key, keep) end
end

local hex = string.rep('%02x', 16)
local headers, ids, lanes = {}, {}, nil
for i = 2, #ARGV do
  local version = string.byte(ARGV[i], 1)
  if version ~= 1 then return {'version', version or 0} end
  if #ARGV[i] < 40 then return {'limit', i - 1} end
  local _, _, id, lane, count, n, bytes, slow, frame_form = struct.unpack('>BBc16HHIIIc1', ARGV[i])
  -- Data that cannot be compressed becomes larger, by less than one percent.
  local most_bytes = 1024 + 1.01 * math.min(bytes, max_frame_bytes)
  if n < 1 or n > max_frame_rows or #ARGV[i] > most_bytes then return {'limit', i - 1} end
  if count > max_lanes or (frame_form ~= 'i' and frame_form ~= 'k') then return {'limit', i - 1} end
  lanes = lanes or count
  if count ~= lanes or lane >= count then return {'lanes', lanes} end
  ids[i - 1] = string.format(hex, string.byte(id, 1, 16))
  headers[i - 1] = {version, lane, n, bytes, slow}
end

-- A frame that Redis has is in `left` and `frames`; one that it had is in `seen`.
local here, seen = call_with('HMGET', root .. ':left', ids), call_with('ZMSCORE', root .. ':seen', ids)
local new, rows = {}, 0
for at, header in ipairs(headers) do
  if not here[at] and not seen[at] then
    new[#new + 1] = at
    rows = rows + header[3]
  end
end

local meta = redis.call('HMGET', root .. ':meta', 'lanes', 'lingerMs', 'chunkRows')
if meta[1] and not (tonumber(meta[1]) and tonumber(meta[1]) >= 1 and tonumber(meta[1]) <= max_lanes) then
  return redis.error_reply('KEYS-DIFFER meta.lanes: expected 1 to ' .. max_lanes)
end
if meta[1] and tonumber(meta[1]) ~= lanes then return {'lanes', tonumber(meta[1])} end
-- How many rows wait, in all lanes and in those that get some. They are read before anything is written, as a script
-- that ends with an error is not rolled back.
local names, added = {'rows'}, {rows}
local place = {}
for _, at in ipairs(new) do
  local lane, n = headers[at][2], headers[at][3]
  if not place[lane] then
    place[lane] = #names + 1
    names[#names + 1], added[#added + 1] = lane .. ':rows', 0
  end
  added[place[lane]] = added[place[lane]] + n
end
local counts, inbox = call_with('HMGET', root .. ':inbox', names), {}
for i, name in ipairs(names) do
  local number = tonumber(counts[i] or 0)
  if not number or number % 1 ~= 0 then
    return redis.error_reply('KEYS-DIFFER inbox.' .. name .. ': expected an integer')
  end
  inbox[2 * i - 1], inbox[2 * i] = name, string.format('%.0f', number + added[i])
end
local waiting = tonumber(counts[1] or 0)
if rows > 0 and waiting + rows > tonumber(ARGV[1]) then return {'full', waiting} end
if not meta[1] then redis.call('HSET', root .. ':meta', 'lanes', lanes) end

if rows > 0 then
  local seq = redis.call('HINCRBY', root .. ':meta', 'seq', rows) - rows + 1
  local frames, left = {}, {}
  for _, at in ipairs(new) do
    local version, lane, n, bytes, slow = unpack(headers[at])
    frames[#frames + 1], frames[#frames + 2] = ids[at], ARGV[at + 1]
    left[#left + 1], left[#left + 2] = ids[at], n
    redis.call('RPUSH', root .. ':lane:' .. lane, table.concat(
      {'f', ids[at], version, n, bytes, slow, string.format('%.0f', seq), string.format('%.0f', now)}, ' '))
    seq = seq + n
  end
  call_with('HSET', root .. ':frames', frames)
  call_with('HSET', root .. ':left', left)
  call_with('HSET', root .. ':inbox', inbox)
  redis.call('HINCRBY', root .. ':counts', 'published', rows)
  count_in(':flow:m:', 600, 60, 4800, rows)
  count_in(':flow:q:', 7200, 900, 97200, rows)
  waiting = waiting + rows
end
-- A repeated send sets the timer too: the first one may have been counted just before a worker looked.
local due = now + tonumber(meta[2] or 0)
if meta[3] and waiting >= tonumber(meta[3]) then due = now end
redis.call('ZADD', root .. ':timers', 'LT', string.format('%.0f', due), 'group')
return {'ok', rows}
