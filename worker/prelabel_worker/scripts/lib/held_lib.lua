-- Changes of held rows. No other code changes them, so a state and its indexes always agree.
-- Placed after flow_lib.lua in the scripts that need it, which end with `write_flow`.
-- `HeldState` in chunks/held_state.py documents the fields of a state.

local function held_state(id)
  local state = redis.call('HGET', root .. ':held', id)
  return state and cjson.decode(state)
end

local function save_state(id, state)
  redis.call('HSET', root .. ':held', id, cjson.encode(state))
end

local DAY = 86400000

-- Return the ms until expire.lua should run. Only the worker's settings say how long dead letters are kept; expire.lua
-- stores it in the meta hash. While it is unknown, expire.lua runs at once. It runs at least once a day, so that a
-- changed setting is in effect within a day.
local function expire_in(keep)
  if not keep then return 0 end
  return keep > 0 and math.min(keep, DAY) or DAY
end

local function list_dead(id, state)
  if not redis.call('ZSCORE', root .. ':timers', 'expire') then
    set_timer('expire', now + expire_in(tonumber(redis.call('HGET', root .. ':meta', 'deadLetterMs') or '')))
  end
  redis.call('ZADD', root .. ':dead', text(now), id)
  redis.call('ZADD', root .. ':dead:reason:' .. state.reason, text(now), id)
  redis.call('ZADD', root .. ':dead:group:' .. state.group, text(now), id)
  redis.call('HINCRBY', root .. ':dead:reasons', state.reason, state.weight)
  redis.call('HINCRBY', root .. ':dead:groups', state.group, state.weight)
  redis.call('HSETNX', root .. ':dead:sample', state.group, id)
  if state.message then redis.call('HSET', root .. ':dead:messages', state.message, id) end
  count('dead', state.weight)
  observe('dead:' .. state.reason, state.weight)
  add(groups, state.group, state.weight)
end

local function drop_at_zero(key, field, by)
  if redis.call('HINCRBY', key, field, by) <= 0 then redis.call('HDEL', key, field) end
end

-- Remove a dead letter from the index of message ids, unless the entry is that of a later one with the same message id.
local function unindex_message(id, state)
  if state.message and redis.call('HGET', root .. ':dead:messages', state.message) == id then
    redis.call('HDEL', root .. ':dead:messages', state.message)
  end
end

-- Remove a dead letter that is retried, superseded or discarded from all its indexes. Returns false if it is no dead
-- letter.
local function unlist_dead(id, state)
  if redis.call('ZREM', root .. ':dead', id) == 0 then return false end
  redis.call('ZREM', root .. ':dead:reason:' .. state.reason, id)
  redis.call('ZREM', root .. ':dead:group:' .. state.group, id)
  drop_at_zero(root .. ':dead:reasons', state.reason, -state.weight)
  drop_at_zero(root .. ':dead:groups', state.group, -state.weight)
  if redis.call('HGET', root .. ':dead:sample', state.group) == id then
    local other = redis.call('ZRANGE', root .. ':dead:group:' .. state.group, 0, 0)[1]
    if other then
      redis.call('HSET', root .. ':dead:sample', state.group, other)
    else
      redis.call('HDEL', root .. ':dead:sample', state.group)
    end
  end
  unindex_message(id, state)
  count('dead', -state.weight)
  return true
end

local function index_row(id, row)
  local ids = redis.call('HGET', root .. ':held:rows', row)
  redis.call('HSET', root .. ':held:rows', row, ids and (ids .. ' ' .. id) or id)
end

local function unindex_row(id, row)
  local rest = {}
  for other in string.gmatch(redis.call('HGET', root .. ':held:rows', row) or '', '%S+') do
    if other ~= id then rest[#rest + 1] = other end
  end
  if #rest > 0 then
    redis.call('HSET', root .. ':held:rows', row, table.concat(rest, ' '))
  else
    redis.call('HDEL', root .. ':held:rows', row)
  end
end

-- Indexes of the rows that are being tried. A row is in the index of what it will be again if the try fails.
local RETRYING_QUEUED, DEAD_QUEUED = ':retrying:queued', ':dead:queued'

local function list_queued(id, state, at)
  redis.call('ZADD', root .. ((state.since or 0) > 0 and RETRYING_QUEUED or DEAD_QUEUED), text(at), id)
end

local function unlist_queued(id)
  redis.call('ZREM', root .. RETRYING_QUEUED, id)
  redis.call('ZREM', root .. DEAD_QUEUED, id)
end

-- Remove rows that are not being tried any more from both indexes. The scripts of the previous release do not know
-- these indexes and leave such rows in them. Each call looks at the SWEPT oldest rows of each index.
local SWEPT = 20
local function sweep_queued()
  for _, index in ipairs({RETRYING_QUEUED, DEAD_QUEUED}) do
    for _, id in ipairs(redis.call('ZRANGE', root .. index, 0, SWEPT - 1)) do
      local state = held_state(id)
      if not state or not state.queued then redis.call('ZREM', root .. index, id) end
    end
  end
end

-- Delete everything that is stored for a held row, since the row has its outcome.
local function forget_held(id, state)
  unlist_queued(id)
  redis.call('HDEL', root .. ':held', id)
  redis.call('HDEL', root .. ':held:body', id)
  redis.call('ZREM', root .. ':retrying', id)
  if state.row then unindex_row(id, state.row) end
end

local HOUR = 3600000
local RETRY_HOURS = 24
local SHORTEST, LONGEST = 5000, HOUR
local GOLDEN = 0.618033988749895 -- its multiples, modulo 1, are spread evenly over 0 to 1

-- Return the ms until the next try of a retrying row, or nil if its horizon is over, so that the row is dead.
-- The delay is the time since the row began retrying, from SHORTEST to LONGEST: about ten tries in the first hour, then
-- one an hour, and the last at the horizon. It is changed by up to a quarter, by the row's arrival number: a million
-- rows that were held in one second come back spread over half an hour.
local function retry_delay(seq, since)
  local hours = tonumber(redis.call('HGET', root .. ':overrides', 'retryHours') or RETRY_HOURS)
  local until_horizon = since + hours * HOUR - now
  if until_horizon <= 0 then return nil end
  local delay = math.min(math.max(now - since, SHORTEST), LONGEST)
  return math.ceil(math.min(until_horizon, delay * (0.75 + seq * GOLDEN % 1 / 2)))
end

-- Hold a row that leaves its chunk. If it was superseded while it was being tried, it is counted as superseded instead.
-- `state.due` is the delay in ms of a row that is sent once more; without it the row becomes a dead letter. With
-- `state.retrying` the delay is that of retry_delay, or 0 if somebody asked for one more try (see try_once_more).
local function hold(id, state, body)
  local old = held_state(id)
  if old and old.superseded then
    forget_held(id, old)
    count('superseded', old.weight)
    return
  end
  state.first, state.attempts = now, 1
  if old then
    state.first, state.attempts = old.first, old.attempts + 1
    state.published = old.published or state.published
  end
  state.last, state.since = now, old and old.since or nil
  if old then unlist_queued(id) end
  if state.retrying then
    state.retrying, state.since = nil, state.since or now
    state.due = old and old.again and 0 or retry_delay(state.seq, state.since)
  end
  if body ~= '' then redis.call('HSET', root .. ':held:body', id, body) end
  if not old and state.row then index_row(id, state.row) end
  if state.due then
    state.due = now + state.due
    redis.call('ZADD', root .. ':retrying', text(state.due), id)
    wake('retry', state.due)
  else
    state.since = nil
    list_dead(id, state)
  end
  save_state(id, state)
end

-- Make a dead letter of a retrying row. Returns its rows.
local function give_up(id)
  local state = held_state(id)
  redis.call('ZREM', root .. ':retrying', id)
  state.due, state.since = nil, nil
  list_dead(id, state)
  save_state(id, state)
  return state.weight
end

-- Mark a retrying row that is being tried as given up: its horizon is over, so it becomes a dead letter if the try
-- fails. Returns its rows.
local function give_up_queued(id)
  local state = held_state(id)
  local since = redis.call('ZSCORE', root .. RETRYING_QUEUED, id)
  unlist_queued(id)
  if not state or not state.queued then return 0 end -- left in the index by a script of the previous release
  state.since, state.again = 0, nil
  list_queued(id, state, tonumber(since))
  save_state(id, state)
  return state.weight
end

-- Mark a row that is being tried: if the try fails for a reason that may pass with time, the row is tried once more at
-- once. The try may have begun before somebody fixed the cause. Returns whether the row is being tried.
local function try_once_more(id)
  local state = held_state(id)
  if not state or not state.queued then
    unlist_queued(id) -- left in the index by a script of the previous release
    return false
  end
  state.again = true
  save_state(id, state)
  return true
end

-- Record that rows of a held frame that is being tried have their outcomes. The last of them end the held frame.
local function settle_held_frame(id, rows)
  local state = held_state(id)
  if not state or not state.queued then return end -- the frame could not be read this time either
  state.weight = state.weight - rows
  if state.weight > 0 then save_state(id, state) else forget_held(id, state) end
end

-- Mark older held rows of a data row and model as superseded: Labelbox has a newer message, which they must never
-- overwrite.
local function mark_superseded(row, seq)
  for id in string.gmatch(redis.call('HGET', root .. ':held:rows', row) or '', '%S+') do
    local state = held_state(id)
    if state and state.seq < seq and not state.superseded then
      if state.due and not state.queued then
        forget_held(id, state)
        count('superseded', state.weight)
      else
        state.superseded = true
        save_state(id, state)
      end
    end
  end
end

-- Delete a dead letter and count it as discarded. Returns its rows, or nil if it is no dead letter.
local function discard(id)
  local state = held_state(id)
  if not state or not unlist_dead(id, state) then return nil end
  forget_held(id, state)
  count('discarded', state.weight)
  return state.weight
end

-- Send a held row back to the end of its lane, with its old arrival number. A retrying row and a dead letter go back by
-- the same step. With `as_new` the row gets a new arrival number, and so is newer than the message that superseded it.
-- Returns 'queued', 'superseded' or 'skipped', and its rows.
local function requeue(id, as_new)
  local state = held_state(id)
  if not state or state.queued then return 'skipped', 0 end
  redis.call('ZREM', root .. ':retrying', id)
  unlist_dead(id, state)
  if as_new then
    state.seq = redis.call('HINCRBY', root .. ':meta', 'seq', state.weight) - state.weight + 1
    state.superseded = nil
  end
  if state.superseded then
    forget_held(id, state)
    count('superseded', state.weight)
    return 'superseded', state.weight
  end
  state.queued, state.due = now, nil
  list_queued(id, state, now)
  save_state(id, state)
  observe('retried', state.weight)
  local entry = {'h', id, 1, state.weight, state.bytes, state.slow, text(state.seq), text(now)}
  if state.published then entry[9] = text(state.published) end
  redis.call('RPUSH', root .. ':lane:' .. state.lane, table.concat(entry, ' '))
  redis.call('HINCRBY', root .. ':inbox', state.lane .. ':rows', state.weight)
  redis.call('HINCRBY', root .. ':inbox', 'rows', state.weight)
  wake('group', now)
  return 'queued', state.weight
end
