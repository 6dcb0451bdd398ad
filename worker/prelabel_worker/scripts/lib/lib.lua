-- The beginning of every script: the root key, Redis's clock, and functions that all scripts may use.
-- The loader places it in front of each script; it is not a script by itself.
local root = KEYS[1]

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local now = now_ms()

-- Return a number as text without an exponent, so that Redis and Python read large numbers exactly.
local function text(number)
  return string.format('%.0f', number)
end

local function chunk_key(id)
  return root .. ':chunk:' .. id
end

-- End the script, since a key holds a value that our code never writes. Call it before the first write: Redis does not
-- roll back a script that ends with an error. `is_of_keys` in wire/client.py recognises the words KEYS-DIFFER, so that
-- only this project is put into quarantine.
local function differ(name, expected)
  error('KEYS-DIFFER ' .. name .. ': expected ' .. expected, 0)
end

-- Return whether this token holds the chunk. Only its holder may change a chunk: once another worker has taken the
-- chunk, the previous holder can change nothing.
local function holds(id, token)
  return token ~= '' and redis.call('HGET', chunk_key(id), 'token') == token
end

-- Return a project's number of lanes. A number that publish.lua did not write may be huge, and a loop over it would
-- block Redis for everybody.
local function lanes_of(value)
  local lanes = tonumber(value)
  if lanes and lanes >= 1 and lanes <= 1024 then return lanes end
  differ('meta.lanes', '1 to 1024')
end

local function set_timer(name, at)
  redis.call('ZADD', root .. ':timers', text(at), name)
end

-- Set a timer, unless it is already set to an earlier time.
local function wake(name, at)
  redis.call('ZADD', root .. ':timers', 'LT', text(at), name)
end

-- Return the time at which to look again at data of a newer version than this worker knows, which stays where it is.
-- The next hint may reach a worker that knows the version. The time is random, since workers take hints in turn: with a
-- fixed interval, the same worker could get the hint each time.
local function newer_at()
  return now + 500 + redis.call('TIME')[2] % 1500
end

-- While a project is being purged, its timers ask this often whether the purge has ended.
local PURGE_LOOK_MS = 5000

-- Return the version that a chunk must have. Workers of the previous release would import ground truth as pre-labels,
-- so such chunks have version 2, which those workers leave alone.
local function version_of(submit_as, version)
  return submit_as == 'ground-truth' and math.max(version, 2) or version
end

-- Return whether the project has as many open chunks as it may have. Stuck chunks do not count: they keep their lanes,
-- to preserve order, but do not use up a place.
local function no_place(most)
  local open = redis.call('ZCARD', root .. ':chunks')
  if open < most then return false end
  for _, id in ipairs(redis.call('ZRANGE', root .. ':chunks', 0, -1)) do
    open = open - redis.call('HEXISTS', chunk_key(id), 'stuckMs')
  end
  return open >= most
end

local function mark_stuck(key)
  if redis.call('HSETNX', key, 'stuckMs', text(now)) == 1 then wake('group', now) end
end

-- Record that an operator retries rows, perhaps after a change of the ontology: they are checked against one that was
-- fetched later. Call it before the first write, since the key may have a wrong type.
local function retried_by_operator()
  redis.call('HSET', root .. ':ontology', 'retriedMs', text(now))
end
