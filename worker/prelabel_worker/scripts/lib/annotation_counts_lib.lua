-- For each imported row, the number of its annotations by feature. A newer message of the row may leave some of them
-- behind at Labelbox; the counts show how many. chunks/annotation_counts.py describes the bytes of packed counts.
-- The counts are in hashes of at most 128 small fields, which Redis packs. Level 0 has 1,024 hashes; rows whose hash is
-- full are in one of 4,096 hashes of level 1, or of 16,384 of level 2. So a row takes few bytes whether there are ten
-- thousand or two million of them, and a generation has at most 2.7 million. Two generations are kept, so that a row is
-- remembered for once to twice the set time.
-- Placed after imported_lib.lua in the scripts that need it.
local FIRST_HASHES, LEVELS, FIELDS, MOST_BYTES = 1024, 3, 128, 64

-- Return the highest level in use of a generation, or -1. Each run of a script reads it once.
local levels = {}
local function highest_level(generation)
  if not levels[generation] then
    levels[generation] = tonumber(redis.call('GET', root .. ':annotation_counts:' .. generation) or -1)
  end
  return levels[generation]
end

local function counts_key(generation, level, digest)
  local hash = struct.unpack('>I2', digest, 7) % (FIRST_HASHES * 4 ^ level)
  return root .. ':annotation_counts:' .. generation .. ':' .. level .. ':' .. hash
end

-- Return the packed counts of a row and the hash that they are in, or nothing.
local function find_counts(generation, digest)
  local field = string.sub(digest, 1, 6)
  for level = 0, highest_level(generation) do
    local key = counts_key(generation, level, digest)
    local packed = redis.call('HGET', key, field)
    if packed then return packed, key end
  end
end

-- Add counts where there is room. If all hashes that they may be in are full, they are not remembered.
local function add_annotation_counts(generation, digest, packed, keep_ms)
  for level = 0, LEVELS - 1 do
    local key = counts_key(generation, level, digest)
    local fields = redis.call('HLEN', key)
    if fields < FIELDS then
      redis.call('HSET', key, string.sub(digest, 1, 6), packed)
      if fields == 0 then redis.call('PEXPIRE', key, 2 * keep_ms) end
      if level > highest_level(generation) then
        redis.call('SET', root .. ':annotation_counts:' .. generation, level, 'PX', 2 * keep_ms)
        levels[generation] = level
      end
      return
    end
  end
end

local function varint(bytes, at)
  local number, scale = 0, 1
  repeat
    local byte = string.byte(bytes, at)
    number, scale, at = number + byte % 128 * scale, scale * 128, at + 1
  until byte < 128
  return number, at
end

local function as_varint(number)
  if number < 128 then return string.char(number) end
  return string.char(number % 128 + 128) .. as_varint(math.floor(number / 128))
end

-- Unpack counts. Returns two tables by feature number (annotations in the last message, maximum in any message), and
-- the total of the last message.
local function read_annotation_counts(packed)
  local last, most, total, at = {}, {}, 0, 1
  while at <= #packed do
    local feature, count = string.byte(packed, at), nil
    count, at = varint(packed, at + 1)
    last[feature] = math.floor(count / 2)
    most[feature] = last[feature]
    if count % 2 == 1 then most[feature], at = varint(packed, at) end
    total = total + last[feature]
  end
  return last, most, total
end

local function pack_counts(last, most)
  local features, parts = {}, {}
  for feature in pairs(most) do features[#features + 1] = feature end
  table.sort(features)
  for _, feature in ipairs(features) do
    local count, highest = last[feature] or 0, most[feature]
    parts[#parts + 1] = string.char(feature)
      .. (highest > count and as_varint(2 * count + 1) .. as_varint(highest) or as_varint(2 * count))
  end
  return table.concat(parts)
end

-- Return how many annotations of the old counts the new message does not override, and the packed counts to keep.
local function compare_annotation_counts(old, new)
  local had, most, had_total = read_annotation_counts(old)
  local has, _, total = read_annotation_counts(new)
  if (had[0] == nil) ~= (has[0] == nil) then return math.max(0, had_total - total), new end
  local left = 0
  for feature, count in pairs(had) do left = left + math.max(0, count - (has[feature] or 0)) end
  for feature, count in pairs(has) do most[feature] = math.max(most[feature] or 0, count) end
  local both = pack_counts(has, most)
  return left, #both <= MOST_BYTES and both or new
end

-- Remember an imported row. Returns how many annotations of its earlier messages are left at Labelbox, and whether an
-- earlier message is remembered.
local function remember_annotation_counts(digest, packed, keep_ms)
  if keep_ms <= 0 then return 0, false end
  local generation = generation_of(keep_ms)
  local old, key = find_counts(generation, digest)
  if old == packed then return 0, true end
  local left, before = 0, old or find_counts(generation - 1, digest)
  if before then left, packed = compare_annotation_counts(before, packed) end
  if key then
    redis.call('HSET', key, string.sub(digest, 1, 6), packed)
  else
    add_annotation_counts(generation, digest, packed, keep_ms)
  end
  return left, before ~= nil
end
