-- The rows that were imported: digests of 8 bytes in small sets of integers, which Redis packs at 8 bytes each up to 512
-- members. `imported` has every row, for the policies `skip` and `dead-letter`; `sample` has rows of other projects, to
-- count those that are imported again (see chunks/imported_rows.py, which also chooses the set of a row). Two
-- generations are kept, so that a row is remembered for once to twice the set time.
-- Placed after lib.lua in the scripts that need it.
local SHARDS = 16384
local FIRST_SET = 64 -- of chunks/imported_rows.py

local function imported_key(generation, digest)
  return root .. ':imported:' .. generation .. ':' .. tonumber(string.sub(digest, -8)) % SHARDS
end

local function generation_of(keep_ms)
  return math.floor(now / keep_ms)
end

local function words(text)
  local list = {}
  for word in string.gmatch(text, '%S+') do list[#list + 1] = word end
  return list
end

-- Return a function that says whether a generation has a set, and one that notes that it has.
-- The bitmap of the sets in use saves setting the time of expiry of a set with each row.
local function sets_of(key, keep_ms)
  local bitmap = redis.call('GET', key)
  return bitmap and function(number)
    local byte = string.byte(bitmap, math.floor(number / 8) + 1) or 0
    return math.floor(byte / 2 ^ (7 - number % 8)) % 2 == 1
  end, function(number)
    redis.call('SETBIT', key, number, 1)
    redis.call('PEXPIRE', key .. ':' .. number, 2 * keep_ms)
    if not bitmap then
      redis.call('PEXPIRE', key, 2 * keep_ms)
      bitmap = ''
    end
  end
end

-- Remember rows in a memory, `imported` or `sample`. `lines` has a line for each set: its number, then digests, some
-- thousand in all. Returns how many of them were remembered before, in their set or in that of the project's first rows.
local function mark_imported(memory, lines, keep_ms)
  if keep_ms <= 0 or lines == '' then return 0 end
  local generation, before = generation_of(keep_ms), 0
  local key, old_key = root .. ':' .. memory .. ':' .. generation, root .. ':' .. memory .. ':' .. generation - 1
  local has, note = sets_of(key, keep_ms)
  local had = sets_of(old_key, keep_ms)
  local first = memory == 'sample' and FIRST_SET
  for number, text in string.gmatch(lines, '(%d+) ([^\n]+)') do
    local digests, set, others = words(text), key .. ':' .. number, {}
    if had and had(number) then others[#others + 1] = old_key .. ':' .. number end
    if first and tonumber(number) ~= first then
      if has and has(first) then others[#others + 1] = key .. ':' .. first end
      if had and had(first) then others[#others + 1] = old_key .. ':' .. first end
    end
    if #others > 0 then
      local known = redis.call('SMISMEMBER', set, unpack(digests))
      for _, other in ipairs(others) do
        for i, there in ipairs(redis.call('SMISMEMBER', other, unpack(digests))) do
          before = before + (1 - known[i]) * there
          known[i] = math.max(known[i], there)
        end
      end
    end
    before = before + #digests - redis.call('SADD', set, unpack(digests))
    if not (has and has(number)) then note(number) end
  end
  return before
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

-- Remember how imported rows name their data rows: `i`, `k` or `ik`. They decide which rows are accepted later. What is
-- remembered of rows that were all undone since does not count. Returns 1 if the project has rows of both forms now, and
-- did not have them before, else 0. Call it before the rows are counted.
local function remember_forms(forms)
  if forms == '' then return 0 end
  local imported = tonumber(redis.call('HGET', root .. ':counts', 'imported') or 0)
  local known = imported > 0 and redis.call('HGET', root .. ':meta', 'forms') or ''
  local both = known .. forms
  local now_known = (string.find(both, 'i', 1, true) and 'i' or '') .. (string.find(both, 'k', 1, true) and 'k' or '')
  if now_known ~= known then redis.call('HSET', root .. ':meta', 'forms', now_known) end
  return now_known ~= known and now_known == 'ik' and 1 or 0
end
