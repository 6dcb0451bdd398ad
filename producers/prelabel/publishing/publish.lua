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

local headers, rows, lanes = {}, 0, nil
for i = 2, #ARGV do
  local version = string.byte(ARGV[i], 1)
  if version ~= 1 then return {'version', version or 0} end
  if #ARGV[i] < 40 then return {'limit', i - 1} end
  local _, _, id, lane, count, n, bytes, slow, frame_form = struct.unpack('>BBc16HHIIIc1', ARGV[i])
  id = string.gsub(id, '.', function(c) return string.format('%02x', string.byte(c)) end)
  -- Data that cannot be compressed becomes larger, by less than one percent.
  local most_bytes = 1024 + 1.01 * math.min(bytes, max_frame_bytes)
  if n < 1 or n > max_frame_rows or #ARGV[i] > most_bytes then return {'limit', i - 1} end
  if count > max_lanes or (frame_form ~= 'i' and frame_form ~= 'k') then return {'limit', i - 1} end
  lanes = lanes or count
  if count ~= lanes or lane >= count then return {'lanes', lanes} end
  local known = redis.call('HEXISTS', root .. ':frames', id) == 1
    or redis.call('ZSCORE', root .. ':seen', id)
  if not known then
    headers[#headers + 1] = {i, version, id, lane, n, bytes, slow}
    rows = rows + n
  end
end

local meta = redis.call('HMGET', root .. ':meta', 'lanes', 'lingerMs', 'chunkRows')
if meta[1] and not (tonumber(meta[1]) and tonumber(meta[1]) >= 1 and tonumber(meta[1]) <= max_lanes) then
  return redis.error_reply('KEYS-DIFFER meta.lanes: expected 1 to ' .. max_lanes)
end
if meta[1] and tonumber(meta[1]) ~= lanes then return {'lanes', tonumber(meta[1])} end
local waiting = tonumber(redis.call('HGET', root .. ':inbox', 'rows') or 0)
if rows > 0 and waiting + rows > tonumber(ARGV[1]) then return {'full', waiting} end
if not meta[1] then redis.call('HSET', root .. ':meta', 'lanes', lanes) end

for _, h in ipairs(headers) do
  local i, version, id, lane, n, bytes, slow = unpack(h)
  local seq = redis.call('HINCRBY', root .. ':meta', 'seq', n) - n + 1
  redis.call('HSET', root .. ':frames', id, ARGV[i])
  redis.call('HSET', root .. ':left', id, n)
  redis.call('RPUSH', root .. ':lane:' .. lane,
    table.concat({'f', id, version, n, bytes, slow, string.format('%.0f', seq), string.format('%.0f', now)}, ' '))
  redis.call('HINCRBY', root .. ':inbox', lane .. ':rows', n)
end
if rows > 0 then
  redis.call('HINCRBY', root .. ':counts', 'published', rows)
  waiting = redis.call('HINCRBY', root .. ':inbox', 'rows', rows)
end
-- A repeated send sets the timer too: the first one may have been counted just before a worker looked.
local due = now + tonumber(meta[2] or 0)
if meta[3] and waiting >= tonumber(meta[3]) then due = now end
redis.call('ZADD', root .. ':timers', 'LT', string.format('%.0f', due), 'group')
return {'ok', rows}
