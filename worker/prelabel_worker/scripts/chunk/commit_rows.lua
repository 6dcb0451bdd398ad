-- Give rows of a chunk their outcomes: rows that are set aside before the import, or a slice of the rows of a finished
-- import. Counters, held rows, superseded rows and the cursor change together. The last call ends the chunk and frees
-- its frames and lanes.
--
-- KEYS[1]  the project's root
-- ARGV     1 chunk id, 2 token, 3 the commit as JSON: the fields of `Commit` in chunks/commit.py. Then binary values:
--          4 the history's entries of the rows with an outcome or, on the last call, the chunk's record, 5 digests of
--          imported rows to remember and 6 of those that cannot override, by set (see imported_lib.lua), then the body
--          of each outcome with a state.
--          The names of outcomes:
--            `held`        the row leaves the chunk and becomes a held row
--            `superseded`, `skipped`, `discarded`   the row is counted as such; if it was a held row, that is deleted
--            `cleared`     a held row was imported (it is counted in `imported`): delete the held row
-- returns  {'ok', mixed} | {'done', rows waiting in the inbox, mixed} | {'lost'} (another worker holds the chunk)
--          | {'cursor', n, rows set aside} (not the expected ones: a commit before this one was lost) | {'unbalanced', rows without an outcome}. `mixed` is 1 if the
--          project has imported rows by id and by global key since this commit, else 0.
-- cost     O(operations + superseding rows + digests), on the last call also O(frames of the chunk)

-- Mark rows as set aside, whole bytes at once: a frame that could not be read may have ten thousand rows.
local function set_aside(key, index, rows)
  local last, at = index + rows, index + 1
  while at < last do
    local bytes = at % 8 == 0 and math.floor((last - at) / 8) or 0
    if bytes > 0 then
      redis.call('SETRANGE', key .. ':aside', at / 8, string.rep('\255', bytes))
      at = at + 8 * bytes
    else
      redis.call('SETBIT', key .. ':aside', at, 1)
      at = at + 1
    end
  end
end

local id, token = ARGV[1], ARGV[2]
local key = chunk_key(id)
if not holds(id, token) then return {'lost'} end
local commit = cjson.decode(ARGV[3])
local before = redis.call('HMGET', key, 'cursor', 'aside')
local cursor, was_aside = tonumber(before[1]), tonumber(before[2] or 0)
if cursor ~= commit.cursor or was_aside ~= commit.aside then return {'cursor', cursor, was_aside} end

for _, pair in ipairs(commit.superseding) do mark_superseded(pair[1], pair[2]) end
local overridden = mark_imported(commit.memory, ARGV[5], commit.history_ms) * commit.one_in
local added = mark_imported(commit.memory, ARGV[6], commit.history_ms)

local by_policy = 0
local aside, body, totals = 0, 6, {}
for _, outcome in ipairs(commit.outcomes) do
  local name, index, rows, held_id = outcome.name, outcome.index, outcome.rows, outcome.held_id
  if outcome.state then body = body + 1 end
  if name == 'cleared' then
    local old = held_state(held_id)
    if old then forget_held(held_id, old) end
  elseif redis.call('SETBIT', key .. ':aside', index, 1) == 0 then
    set_aside(key, index, rows)
    aside = aside + rows
    if name == 'held' then
      if outcome.state.reason == 'existing' and not held_state(held_id) then by_policy = by_policy + rows end
      hold(held_id, outcome.state, ARGV[body])
      -- A frame that could not be read may be tried again before this chunk ends, so only this mark still tells then.
      if string.sub(held_id, 1, 1) == 'f' then redis.call('HSET', key, 'unread:' .. held_id, rows) end
    else
      totals[name] = (totals[name] or 0) + rows
      local old = held_id ~= '' and held_state(held_id)
      if old then forget_held(held_id, old) end
    end
  end
end
for name, rows in pairs(totals) do count(name, rows) end
if overridden > 0 then redis.call('HINCRBY', root .. ':meta', 'overridden', overridden) end
if added > 0 then redis.call('HINCRBY', root .. ':meta', 'addedAgain', added) end
if by_policy > 0 then redis.call('HINCRBY', root .. ':meta', 'deadByPolicy', by_policy) end
local mixed = remember_forms(commit.forms)
count('imported', commit.imported)
for name, n in pairs(commit.fresh) do observe('fresh:' .. name, n) end
write_flow()
if commit.imported > 0 then redis.call('DEL', chunk_key(redis.call('HGET', key, 'origin') or id) .. ':refusals') end
redis.call('HSET', key, 'cursor', commit.after)
aside = redis.call('HINCRBY', key, 'aside', aside)
local settled = redis.call('HINCRBY', key, 'settled', commit.imported)
if not commit.finish then
  redis.call('APPEND', key .. ':past', ARGV[4])
  return {'ok', mixed}
end

local chunk = redis.call('HMGET', key, 'rows', 'items', 'lanes')
local open = tonumber(chunk[1]) - aside - settled
if open ~= 0 then return {'unbalanced', open} end
local frames, taken = {}, {}
for kind, fid, low, high in string.gmatch(chunk[2], '(%a) (%S+) (%d+) (%d+) %d+') do
  local rows = tonumber(high) - tonumber(low)
  if kind == 'f' then
    if not taken[fid] then frames[#frames + 1] = fid end
    taken[fid] = (taken[fid] or 0) + rows
  elseif string.sub(fid, 1, 1) == 'f' and redis.call('HEXISTS', key, 'unread:' .. fid) == 0 then
    settle_held_frame(fid, rows)
  end
end
free_frames(frames, taken)
-- A bounded number of old ids, more than a chunk adds: thousands may be due at once in a project that was idle.
local old = redis.call('ZRANGEBYSCORE', root .. ':seen', '-inf', text(now - commit.frame_memory_ms), 'LIMIT', 0, 1000)
if #old > 0 then redis.call('ZREM', root .. ':seen', unpack(old)) end
for lane in string.gmatch(chunk[3], '%d+') do redis.call('HINCRBY', root .. ':inbox', lane .. ':open', -1) end
remember(id, ARGV[4], commit.history_ms, commit.history_bytes)
redis.call('DEL', key, key .. ':aside', key .. ':sent', key .. ':past')
redis.call('ZREM', root .. ':chunks', id)
redis.call('ZREM', root .. ':timers', 'chunk:' .. id)
local waiting = tonumber(redis.call('HGET', root .. ':inbox', 'rows') or 0)
if waiting > 0 then wake('group', now) end
return {'done', waiting, mixed}
