-- Publish messages to a project's inbox: all of them or none, and a repeated call only once.
--
-- This script is a public interface, for programs in languages without a publisher; docs/reference/publish-script.md
-- describes it. Its keys, arguments and answers stay as they are in version 1 of the message. It is made of two parts:
-- the first cuts messages into frames, the second puts frames into the inbox, and is the script of the publisher.
--
-- KEYS[1]  the project's root, `<prefix>:{<project>}`
-- KEYS[2]  `<prefix>:projects`; left out in a cluster, where the caller adds the project to it before this call
-- ARGV[1]  the id of the call, 1 to 200 bytes: the same id when the same messages are sent again
-- ARGV[2]  maximum rows in the inbox
-- ARGV[3…] messages: JSON in UTF-8, in the order of publishing
-- returns  {'ok', rows that were new} | {'full', rows in the inbox} | {'memory', bytes that Redis uses}
--          | {'limit', the number of the message that exceeds a limit}
-- cost     O(bytes of the messages), since each is read as JSON for its data row; nothing else in it is checked: a
--          worker validates each message, and a wrong one becomes a dead letter
local frames, refusal = (function()
  local max_messages, max_bytes = 1000, 4 * 1024 * 1024 -- of one call: Redis serves nobody else meanwhile
  local max_slow = 250 -- in one frame, as in prelabel/publishing/options.py
  local max_memory = 0.85 -- share of Redis's memory limit, as in prelabel/publishing/inbox.py
  local max_id = 200

  if #ARGV < 3 then return nil, redis.error_reply('ARGUMENTS expected a call id, a limit and messages') end
  if #ARGV[1] < 1 or #ARGV[1] > max_id then
    return nil, redis.error_reply('ARGUMENTS ARGV[1], the id of the call: expected 1 to ' .. max_id .. ' bytes')
  end
  if not tonumber(ARGV[2]) then
    return nil, redis.error_reply('ARGUMENTS ARGV[2], the maximum rows in the inbox: expected a number')
  end
  local project = string.match(KEYS[1], '^[^{}]+:{([^{}]+)}$')
  if not project then return nil, redis.error_reply('ARGUMENTS KEYS[1]: expected <prefix>:{<project>}') end
  local size = 0
  for at = 3, #ARGV do
    size = size + #ARGV[at] + 1
    if size > max_bytes or at - 2 > max_messages then return nil, {'limit', at - 2} end
  end

  local info = redis.pcall('INFO', 'memory')
  if type(info) == 'string' then
    local used, limit = string.match(info, 'used_memory:(%d+)'), string.match(info, 'maxmemory:(%d+)')
    if used and limit and tonumber(limit) > 0 and tonumber(used) > max_memory * tonumber(limit) then
      return nil, {'memory', tonumber(used)}
    end
  end

  -- CRC-32 of zlib, four bits at a time.
  local crc_of_bits = {[0] = 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158,
    0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c}
  local bxor, band, rshift = bit.bxor, bit.band, bit.rshift
  local function crc32(text)
    local crc = 0xffffffff
    for at = 1, #text do
      crc = bxor(crc, string.byte(text, at))
      crc = bxor(rshift(crc, 4), crc_of_bits[band(crc, 15)])
      crc = bxor(rshift(crc, 4), crc_of_bits[band(crc, 15)])
    end
    return bxor(crc, 0xffffffff) % 4294967296
  end

  -- Return `k:<global key>` or `i:<id>`; nil if the message names no data row, or both.
  local function data_row_key(message)
    local row = type(message) == 'table' and message.dataRow
    if type(row) ~= 'table' then return nil end
    local id, global_key = row.id, row.globalKey
    if id == cjson.null then id = nil end
    if global_key == cjson.null then global_key = nil end
    if type(id) == 'string' and global_key == nil then return 'i:' .. id end
    if type(global_key) == 'string' and id == nil then return 'k:' .. global_key end
    return nil
  end

  -- Return how many annotations Labelbox imports slowly: masks, and boxes of tiles, whose height is negative.
  local function slow_in(message)
    local slow = 0
    if type(message.annotations) ~= 'table' then return slow end
    for _, annotation in ipairs(message.annotations) do
      if type(annotation) == 'table' then
        local mask, box = annotation.mask or annotation.masks, annotation.bbox
        if mask and mask ~= cjson.null then slow = slow + 1 end
        if type(box) == 'table' and type(box.height) == 'number' and box.height < 0 then slow = slow + 1 end
      end
    end
    return slow
  end

  -- Return the message as one line. White space between tokens may be a line break; inside of a string it is a mistake,
  -- and stays one: no JSON has this byte.
  local function one_line(raw)
    if not string.find(raw, '\n', 1, true) then return raw end
    local strings = string.gsub(raw, '\\.', '')
    for text in string.gmatch(strings, '"[^"]*"') do
      if string.find(text, '\n', 1, true) then return (string.gsub(raw, '\n', '\1')) end
    end
    return (string.gsub(raw, '\n', ' '))
  end

  -- Return an id for a message that has none: the same in each repetition of the call.
  local function message_id(at)
    local digest = redis.sha1hex(ARGV[1] .. '\n' .. at)
    return string.format('%s-%s-%s-%s-%s', string.sub(digest, 1, 8), string.sub(digest, 9, 12),
      string.sub(digest, 13, 16), string.sub(digest, 17, 20), string.sub(digest, 21, 32))
  end

  local lanes = tonumber(redis.call('HGET', KEYS[1] .. ':meta', 'lanes') or 8) -- 8: of prelabel/wire/lanes.py
  if not lanes or lanes < 1 or lanes > 1024 or lanes % 1 ~= 0 then lanes = 8 end -- refused below, with the key's name
  local parts, open = {}, {}
  for at = 3, #ARGV do
    local raw = one_line(ARGV[at])
    local read, message = pcall(cjson.decode, raw)
    local key = read and data_row_key(message)
    -- A message without a data row has no order to keep, so its lane does not matter.
    local lane, slow, form = 0, 0, 'k'
    if key then
      lane, slow, form = crc32(key) % lanes, slow_in(message), string.sub(key, 1, 1)
      if message.messageId == nil then
        raw = string.gsub(raw, '{', '{"messageId":"' .. message_id(at - 2) .. '",', 1)
      end
    end
    local part = open[lane]
    if not part or part.slow + slow > max_slow then
      part = {lane = lane, form = form, slow = 0}
      open[lane], parts[#parts + 1] = part, part
    end
    part[#part + 1], part.slow = raw, part.slow + slow
  end

  local cut = {ARGV[2]}
  for number, part in ipairs(parts) do
    local body = table.concat(part, '\n')
    -- The id is made of everything that the frame says: a repeated frame has the same, and no other frame has it.
    local digest = redis.sha1hex(table.concat({ARGV[1], number, part.lane, lanes, body}, '\n'))
    local id = string.gsub(string.sub(digest, 1, 32), '..', function(byte) return string.char(tonumber(byte, 16)) end)
    cut[#cut + 1] = struct.pack('>BBc16HHIIIc1', 1, 0, id, part.lane, lanes, #part, #body, part.slow, part.form)
      .. string.rep('\0', 5) .. body
  end
  if KEYS[2] then redis.call('ZADD', KEYS[2], 'LT', 0, project) end
  return cut
end)()
if refusal then return refusal end
local ARGV = frames

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
