-- What Labelbox has of each imported row: its annotations by feature, so that those are seen which a newer message does
-- not override (see annotation_counts.py for the bytes of packed counts). Hashes of at most 128 small fields, which Redis packs: 1,024
-- of them, then, for rows whose hash is full, four times as many, twice over; so it takes few bytes a row whether they
-- are ten thousand or two million, and no more than 2.7 million rows a generation. Two generations, so that a row is
-- remembered for once to twice the set time.
-- Placed after imported_lib.lua in the scripts that need it.
local FIRST_HASHES, LEVELS, FIELDS, MOST_BYTES = 1024, 3, 128, 64

-- The highest level in use of a generation, -1 without any; asked once a script.
local levels = {}
local function highest_level(generation)
  if not levels[generation] then
    levels[generation] = tonumber(redis.call('GET', root .. ':annotation_counts:' .. generation) or -1)
  end
  return levels[generation]
end

local function shape_key(generation, level, digest)
  local hash = struct.unpack('>I2', digest, 7) % (FIRST_HASHES * 4 ^ level)
  return root .. ':annotation_counts:' .. generation .. ':' .. level .. ':' .. hash
end

-- The packed counts and the hash it is in, if it is remembered.
local function find_shape(generation, digest)
  local field = string.sub(digest, 1, 6)
  for level = 0, highest_level(generation) do
    local key = shape_key(generation, level, digest)
    local packed = redis.call('HGET', key, field)
    if packed then return packed, key end
  end
end

-- Where there is room; nowhere, when all hashes that it may be in are full.
local function add_annotation_counts(generation, digest, packed, keep_ms)
  for level = 0, LEVELS - 1 do
    local key = shape_key(generation, level, digest)
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

-- By the number of a feature: annotations of the last message, and the most that any had; then the last one's total.
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

local function write_shape(last, most)
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

-- The annotations of the old counts that the new ones do not override, and what is to be kept of both.
local function compare_annotation_counts(old, new)
  local had, most, had_total = read_annotation_counts(old)
  local has, _, total = read_annotation_counts(new)
  if (had[0] == nil) ~= (has[0] == nil) then return math.max(0, had_total - total), new end
  local left = 0
  for feature, count in pairs(had) do left = left + math.max(0, count - (has[feature] or 0)) end
  for feature, count in pairs(has) do most[feature] = math.max(most[feature] or 0, count) end
  local both = write_shape(has, most)
  return left, #both <= MOST_BYTES and both or new
end

-- Remembers an imported row; returns how many annotations of the row before it are left, and whether there was one.
local function remember_annotation_counts(digest, packed, keep_ms)
  if keep_ms <= 0 then return 0, false end
  local generation = generation_of(keep_ms)
  local old, key = find_shape(generation, digest)
  if old == packed then return 0, true end
  local left, before = 0, old or find_shape(generation - 1, digest)
  if before then left, packed = compare_annotation_counts(before, packed) end
  if key then
    redis.call('HSET', key, string.sub(digest, 1, 6), packed)
  else
    add_annotation_counts(generation, digest, packed, keep_ms)
  end
  return left, before ~= nil
end
