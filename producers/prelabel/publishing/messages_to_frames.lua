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
