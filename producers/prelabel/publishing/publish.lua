-- Put frames into a project's inbox: all of them or none, and each frame only once.
--
-- KEYS[1]  the project's root, `<prefix>:{<project>}`
-- ARGV[1]  maximum rows in the inbox
-- ARGV[2…] frames: the bytes of prelabel/wire/frame.py, one for several lanes or a few for each. A frame is refused if
--          it has more bytes than its header says, since a worker reserves memory by the header; if it has more rows
--          than one script can settle; if its table of lanes is none; if its form is unknown; and if no worker can
--          serve its lane count, since the first frame of a project fixes it for good
-- returns  {'ok', rows that were new} | {'lanes', the project's lane count} | {'full', rows in the inbox}
--          | {'version', the unknown version} | {'limit', the number of the frame}
-- cost     O(frames); no frame's body is read
local root = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local max_frame_rows, max_frame_bytes = 10000, 16 * 1024 * 1024 -- of prelabel/wire/frame.py
local max_shared_rows, max_shared_bytes = 128, 256 * 1024 -- of a frame that several lanes share
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

-- Return the lane, rows, bytes and slow annotations of each segment in the table of a frame that several lanes share;
-- nil if its lanes do not ascend, or if its sums are not those of the header.
local function segments_of(frame, number, lanes, n, bytes, slow)
  if n > max_shared_rows or bytes > max_shared_bytes or number < 1 or #frame < 40 + 12 * number then return nil end
  local segments, last = {}, -1
  for i = 1, number do
    local lane, rows, size, slow_here = struct.unpack('>HHII', frame, 29 + 12 * i)
    if lane <= last or lane >= lanes or rows < 1 then return nil end
    segments[i], last = {lane, rows, size, slow_here}, lane
    n, bytes, slow = n - rows, bytes - size, slow - slow_here
  end
  if n == 0 and bytes == number - 1 and slow == 0 then return segments end -- a line break is between two segments
end

local hex = string.rep('%02x', 16)
local headers, ids, lanes = {}, {}, nil
for i = 2, #ARGV do
  local version = string.byte(ARGV[i], 1)
  if version ~= 1 and version ~= 3 then return {'version', version or 0} end
  if #ARGV[i] < 40 then return {'limit', i - 1} end
  -- A shared frame has the number of its lanes in the place of the lane.
  local _, _, id, lane, count, n, bytes, slow, frame_form = struct.unpack('>BBc16HHIIIc1', ARGV[i])
  local table_bytes = version == 3 and 12 * lane or 0
  -- Data that cannot be compressed becomes larger, by less than one percent.
  local most_bytes = 1024 + table_bytes + 1.01 * math.min(bytes, max_frame_bytes)
  if n < 1 or n > max_frame_rows or #ARGV[i] > most_bytes then return {'limit', i - 1} end
  if count > max_lanes or (frame_form ~= 'i' and frame_form ~= 'k') then return {'limit', i - 1} end
  lanes = lanes or count
  if count ~= lanes or (version == 1 and lane >= count) then return {'lanes', lanes} end
  local segments = {{lane, n, bytes, slow}}
  if version == 3 then segments = segments_of(ARGV[i], lane, count, n, bytes, slow) end
  if not segments then return {'limit', i - 1} end
  ids[i - 1] = string.format(hex, string.byte(id, 1, 16))
  headers[i - 1] = {version, n, segments}
end

-- A frame that Redis has is in `left` and `frames`; one that it had is in `seen`.
local here, seen = call_with('HMGET', root .. ':left', ids), call_with('ZMSCORE', root .. ':seen', ids)
local new, rows = {}, 0
for at, header in ipairs(headers) do
  if not here[at] and not seen[at] then
    new[#new + 1] = at
    rows = rows + header[2]
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
  for _, segment in ipairs(headers[at][3]) do
    local lane, n = segment[1], segment[2]
    if not place[lane] then
      place[lane] = #names + 1
      names[#names + 1], added[#added + 1] = lane .. ':rows', 0
    end
    added[place[lane]] = added[place[lane]] + n
  end
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
    local version, n, segments = unpack(headers[at])
    frames[#frames + 1], frames[#frames + 2] = ids[at], ARGV[at + 1]
    left[#left + 1], left[#left + 2] = ids[at], n
    local low = 0
    for _, segment in ipairs(segments) do
      local lane, here, bytes, slow = unpack(segment)
      local entry = {'f', ids[at], version, here, bytes, slow, string.format('%.0f', seq), string.format('%.0f', now)}
      if version == 3 then entry[9] = low end -- the number of its first row in the frame
      redis.call('RPUSH', root .. ':lane:' .. lane, table.concat(entry, ' '))
      seq, low = seq + here, low + here
    end
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
