-- Held rows: the one place that changes them, so that a state and its indexes never disagree.
-- Placed after lib.lua in the scripts that need it.
-- `HeldState` in chunks/held_state.py has the fields of a state and what they mean.

local function held_state(id)
  local state = redis.call('HGET', root .. ':held', id)
  return state and cjson.decode(state)
end

local function save_state(id, state)
  redis.call('HSET', root .. ':held', id, cjson.encode(state))
end

-- How long dead letters are kept is the worker's setting; expire.lua notes it here. Unknown: it is asked at once. A day at
-- most, so that another setting is heard of within a day.
local DAY = 86400000
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
end

local function drop_at_zero(key, field, by)
  if redis.call('HINCRBY', key, field, by) <= 0 then redis.call('HDEL', key, field) end
end

-- A later dead letter with the same message id has taken the place: it stays.
local function unindex_message(id, state)
  if state.message and redis.call('HGET', root .. ':dead:messages', state.message) == id then
    redis.call('HDEL', root .. ':dead:messages', state.message)
  end
end

-- A dead letter leaves its indexes: it is retried, superseded or discarded.
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

-- A row that is tried again stays what it was until the try has an outcome: it is listed by what becomes of it if the
-- try fails. Scripts of the release before know neither index: see sweep_queued.
local RETRYING, LETTERS = ':retrying:queued', ':dead:queued'

local function list_queued(id, state, at)
  redis.call('ZADD', root .. ((state.since or 0) > 0 and RETRYING or LETTERS), text(at), id)
end

local function unlist_queued(id)
  redis.call('ZREM', root .. RETRYING, id)
  redis.call('ZREM', root .. LETTERS, id)
end

-- Scripts of the release before end a try without unlisting its row. Looks at the oldest rows, some of each index.
local SWEPT = 20
local function sweep_queued()
  for _, index in ipairs({RETRYING, LETTERS}) do
    for _, id in ipairs(redis.call('ZRANGE', root .. index, 0, SWEPT - 1)) do
      local state = held_state(id)
      if not state or not state.queued then redis.call('ZREM', root .. index, id) end
    end
  end
end

-- The row has its outcome: delete everything held for it.
local function forget_held(id, state)
  unlist_queued(id)
  redis.call('HDEL', root .. ':held', id)
  redis.call('HDEL', root .. ':held:body', id)
  redis.call('ZREM', root .. ':retrying', id)
  if state.row then unindex_row(id, state.row) end
end

-- A row whose reason may pass with time waits as long as it has been retrying, within these bounds: its tries are ever further apart,
-- ten in the first hour and then one an hour. A quarter more or less by its arrival number, so that a million rows held
-- in one second come back over half an hour.
local HOUR = 3600000
local RETRY_HOURS = 24
local SHORTEST, LONGEST = 5000, HOUR
local GOLDEN = 0.618033988749895 -- its multiples, modulo 1, lie evenly

-- In ms; the last try is at the horizon. Nil beyond it: the row is dead.
local function retry_delay(seq, since)
  local hours = tonumber(redis.call('HGET', root .. ':overrides', 'retryHours') or RETRY_HOURS)
  local left = since + hours * HOUR - now
  if left <= 0 then return nil end
  local delay = math.min(math.max(now - since, SHORTEST), LONGEST)
  return math.ceil(math.min(left, delay * (0.75 + seq * GOLDEN % 1 / 2)))
end

-- Hold a row that leaves its chunk. A row that was superseded while it was on its way is superseded instead:
-- the mark outlives being held again. `given.due` is a delay in ms for a row that is tried once more; with `given.retrying`
-- the delay grows up to the project's horizon, and is 0 for a row of which somebody asked for one more try.
local function hold(id, given, body)
  local old = held_state(id)
  if old and old.superseded then
    forget_held(id, old)
    count('superseded', old.weight)
    return
  end
  given.first, given.attempts = now, 1
  if old then given.first, given.attempts = old.first, old.attempts + 1 end
  given.last, given.since = now, old and old.since or nil
  if old then unlist_queued(id) end
  if given.retrying then
    given.retrying, given.since = nil, given.since or now
    given.due = old and old.again and 0 or retry_delay(given.seq, given.since)
  end
  if body ~= '' then redis.call('HSET', root .. ':held:body', id, body) end
  if not old and given.row then index_row(id, given.row) end
  if given.due then
    given.due = now + given.due
    redis.call('ZADD', root .. ':retrying', text(given.due), id)
    wake('retry', given.due)
  else
    given.since = nil
    list_dead(id, given)
  end
  save_state(id, given)
end

-- Nobody waits for it any longer: a retrying row becomes a dead letter.
local function give_up(id)
  local state = held_state(id)
  redis.call('ZREM', root .. ':retrying', id)
  state.due, state.since = nil, nil
  list_dead(id, state)
  save_state(id, state)
  return state.weight
end

-- Nobody waits for it any longer, and it is being tried: should the try fail, its horizon is over.
local function give_up_queued(id)
  local state = held_state(id)
  local since = redis.call('ZSCORE', root .. RETRYING, id)
  unlist_queued(id)
  if not state or not state.queued then return 0 end -- left behind by a script of the release before
  state.since, state.again = 0, nil
  list_queued(id, state, tonumber(since))
  save_state(id, state)
  return state.weight
end

-- Whatever the try in progress looked at may be fixed by now: should it fail for a reason that passes with time, the row is
-- tried once more at once. Returns whether the row is being tried.
local function try_once_more(id)
  local state = held_state(id)
  if not state or not state.queued then
    unlist_queued(id) -- left behind by a script of the release before
    return false
  end
  state.again = true
  save_state(id, state)
  return true
end

-- Rows of a frame on its way back have their outcomes, each under its own number; the last ones end the frame.
local function settle_held_frame(id, rows)
  local state = held_state(id)
  if not state or not state.queued then return end -- it could not be read again
  state.weight = state.weight - rows
  if state.weight > 0 then save_state(id, state) else forget_held(id, state) end
end

-- A newer message of this data row and model stands in Labelbox: older held ones may never overwrite it.
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

-- Nobody wants it any more: counted as discarded. Returns its rows, or nil when it is no dead letter.
local function discard(id)
  local state = held_state(id)
  if not state or not unlist_dead(id, state) then return nil end
  forget_held(id, state)
  count('discarded', state.weight)
  return state.weight
end

-- Back to the end of its lane with its old arrival number: retrying and retry are the same step. As new it gets a
-- number of now, and what superseded it is older. Returns 'queued', 'superseded' or 'skipped', and its rows.
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
  local entry = {'h', id, 1, state.weight, state.bytes, state.slow, text(state.seq), text(now)}
  redis.call('RPUSH', root .. ':lane:' .. state.lane, table.concat(entry, ' '))
  redis.call('HINCRBY', root .. ':inbox', state.lane .. ':rows', state.weight)
  redis.call('HINCRBY', root .. ':inbox', 'rows', state.weight)
  wake('group', now)
  return 'queued', state.weight
end
