-- Counts of rows, and numbers by time: what became of rows, and which requests were sent. `observe` only adds to sums of
-- the running script; `write_flow` at its end writes them with two commands for each hash, however many rows there are.
-- A flow key that cannot be used loses its numbers and stops nothing. `root` is that of a project, or an account.
-- Placed after lib.lua in the scripts that need it. `FlowKeys` in prelabel/wire/keys.py documents the hashes.
local MINUTES = {name = ':flow:m:', span = 600, step = 60, keep = 4800}
local QUARTERS = {name = ':flow:q:', span = 7200, step = 900, keep = 97200}
local GROUPS = {name = ':flow:groups:', span = 7200, step = 900, keep = 97200}
local MAX_GROUPS, MAX_FIRST = 1000, 10000

-- Sums by name, in the order in which the names came.
local flow, groups = {names = {}, of = {}}, {names = {}, of = {}}

local function add(sums, name, n)
  if not sums.of[name] then
    sums.names[#sums.names + 1] = name
    sums.of[name] = 0
  end
  sums.of[name] = sums.of[name] + n
end

local function observe(series, n)
  if n > 0 then add(flow, series, n) end
end

-- Count rows by outcome. What leaves an outcome, as a dead letter that is retried, changes the count and not the flow.
-- `list_dead` observes dead letters, by reason.
local function count(outcome, rows)
  if rows ~= 0 then redis.call('HINCRBY', root .. ':counts', outcome, rows) end
  if outcome ~= 'dead' then observe(outcome, rows) end
end

-- Return the key of a hash that has the numbers of now, and how its fields begin.
local function place_of(kind)
  local second = math.floor(now / 1000)
  return root .. kind.name .. math.floor(second / kind.span), math.floor(second % kind.span / kind.step) .. ':'
end

-- Add sums to fields that begin with `place`, unless the key is of another type.
local function add_all(key, place, sums, keep)
  local fields, values, new = {}, {}, false
  for i, name in ipairs(sums.names) do fields[i] = place .. name end
  local before = redis.pcall('HMGET', key, unpack(fields))
  if before.err then return end
  for i, name in ipairs(sums.names) do
    new = new or not before[i]
    values[2 * i - 1], values[2 * i] = fields[i], text((tonumber(before[i] or 0) or 0) + sums.of[name])
  end
  local set = redis.pcall('HSET', key, unpack(values))
  if type(set) == 'number' and new and keep then redis.pcall('EXPIRE', key, keep) end
end

-- Return the sums of groups with those that have no room in the hash as `other`.
local function bounded(key, place)
  local kept, room = {names = {}, of = {}}, MAX_GROUPS - (tonumber(redis.pcall('HLEN', key)) or 0)
  for _, name in ipairs(groups.names) do
    local there = redis.pcall('HEXISTS', key, place .. name) == 1
    if not there then room = room - 1 end
    add(kept, (there or room >= 0) and name or 'other', groups.of[name])
  end
  return kept
end

local function remember_first(group)
  local key = root .. ':flow:first'
  if redis.pcall('HSETNX', key, group, text(now)) == 1 and redis.pcall('HLEN', key) > MAX_FIRST then
    redis.pcall('HDEL', key, redis.pcall('HRANDFIELD', key))
  end
end

-- Write what was observed. A script calls it once, after all changes.
local function write_flow()
  if #flow.names > 0 then
    for _, kind in ipairs({MINUTES, QUARTERS}) do
      local key, place = place_of(kind)
      add_all(key, place, flow, kind.keep)
    end
    add_all(root .. ':flow:total', '', flow)
  end
  if #groups.names > 0 then
    local key, place = place_of(GROUPS)
    add_all(key, place, bounded(key, place), GROUPS.keep)
    for _, group in ipairs(groups.names) do remember_first(group) end
  end
end
