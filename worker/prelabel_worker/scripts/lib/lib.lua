-- What every script of a project begins with: the root, Redis's clock, and who holds a chunk.
-- Placed in front of each script by the loader; not a script by itself.
local root = KEYS[1]

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local now = now_ms()

-- Numbers above 2^31 as text that Redis and Python read back whole.
local function text(number)
  return string.format('%.0f', number)
end

local function chunk_key(id)
  return root .. ':chunk:' .. id
end

-- A key holds what nobody of ours writes. Call it before the first write: what a script has written stays, whatever
-- ends it. The words are those that client.is_of_keys knows: only this project is concerned.
local function differ(what, expected)
  error('KEYS-DIFFER ' .. what .. ': expected ' .. expected, 0)
end

-- Only the holder of the token may change a chunk: after a takeover the old holder commits nothing.
local function holds(id, token)
  return token ~= '' and redis.call('HGET', chunk_key(id), 'token') == token
end

-- A count set past publish.lua is no script's to walk: it would stop Redis for everybody.
local function lanes_of(value)
  local lanes = tonumber(value)
  if lanes and lanes >= 1 and lanes <= 1024 then return lanes end
  differ('meta.lanes', '1 to 1024')
end

local function set_timer(name, at)
  redis.call('ZADD', root .. ':timers', text(at), name)
end

-- Earlier only: never postpones what somebody else wants sooner.
local function wake(name, at)
  redis.call('ZADD', root .. ':timers', 'LT', text(at), name)
end

-- What is of a newer version than this worker knows stays where it is, and is looked at again at this time: the next
-- hint may reach a worker that knows it. Spread, since workers take hints in turn: at a steady pace it could be the
-- same one's turn every time.
local function newer_at()
  return now + 500 + redis.call('TIME')[2] % 1500
end

-- A worker of the release before would import ground truth as pre-labels: chunks of it are of a version that it leaves
-- alone.
local function version_of(submit_as, version)
  return submit_as == 'ground-truth' and math.max(version, 2) or version
end

-- Whether so many chunks are open. A stuck one keeps its lanes, for the sake of order, and takes no other's place.
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

local function count(outcome, rows)
  if rows ~= 0 then redis.call('HINCRBY', root .. ':counts', outcome, rows) end
end
