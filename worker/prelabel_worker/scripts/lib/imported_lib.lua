-- The rows that were imported, for the policies `skip` and `dead-letter`: digests of 8 bytes in small sets of integers,
-- which Redis packs at 8 bytes each up to 512 members. Two generations are kept, so that a row is remembered for once
-- to twice the set time. Placed after lib.lua in the scripts that need it.
local SHARDS = 16384

local function imported_key(generation, digest)
  return root .. ':imported:' .. generation .. ':' .. tonumber(string.sub(digest, -8)) % SHARDS
end

local function generation_of(keep_ms)
  return math.floor(now / keep_ms)
end

-- Remember a row as imported. Returns whether this generation had it already.
local function mark_imported(digest, keep_ms)
  if keep_ms <= 0 then return false end
  local key = imported_key(generation_of(keep_ms), digest)
  local known = redis.call('SADD', key, digest) == 0
  redis.call('PEXPIRE', key, 2 * keep_ms)
  return known
end

local function was_imported(digest, keep_ms)
  local generation = generation_of(keep_ms)
  return redis.call('SISMEMBER', imported_key(generation, digest), digest) == 1
    or redis.call('SISMEMBER', imported_key(generation - 1, digest), digest) == 1
end

local function forget_imported(digest, keep_ms)
  if keep_ms <= 0 then return end
  local generation = generation_of(keep_ms)
  redis.call('SREM', imported_key(generation, digest), digest)
  redis.call('SREM', imported_key(generation - 1, digest), digest)
end
