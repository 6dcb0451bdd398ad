-- Give rows of a chunk their outcomes: rows that are set aside before the import, or a slice of the rows of a finished
-- import. Counters, held rows, superseded rows and the cursor change together. The last call ends the chunk and frees
-- its frames and lanes.
--
-- KEYS[1]  the project's root
-- ARGV     1 chunk id, 2 token, 3 the commit as JSON: the fields of `Commit` in chunks/commit.py. Then binary values:
--          4 the history's entries of these rows or, on the last call, the chunk's record, 5 digests of 8 bytes and
--          6 packed counts of the rows of `count_sizes`, then the body of each outcome with a state.
--          The names of outcomes:
--            `held`        the row leaves the chunk and becomes a held row
--            `superseded`, `skipped`, `discarded`   the row is counted as such; if it was a held row, that is deleted
--            `cleared`     a held row was imported (it is counted in `imported`): delete the held row
-- returns  {'ok', rows with leftovers, leftovers, mixed} | {'done', rows waiting in the inbox, rows with leftovers,
--          leftovers, mixed} | {'lost'} (another worker holds the chunk) | {'cursor', n} (not the expected cursor)
--          | {'unbalanced', rows without an outcome}. Leftovers are annotations of older messages that stay at Labelbox;
--          `mixed` is 1 if the project has imported rows by id and by global key since this commit, else 0.
-- cost     O(operations + superseding rows + annotation_counts), on the last call also O(frames of the chunk)

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

local id, token = ARGV[1], ARGV[2]
local key = chunk_key(id)
if not holds(id, token) then return {'lost'} end
local commit = cjson.decode(ARGV[3])
local cursor = tonumber(redis.call('HGET', key, 'cursor'))
if cursor ~= commit.cursor then return {'cursor', cursor} end

for _, pair in ipairs(commit.superseding) do mark_superseded(pair[1], pair[2]) end
local leftover_rows, leftovers, by_policy = 0, 0, 0
-- Imported rows that an earlier import had: `added` if some of their lines cannot override, else `overridden`.
local adds, overridden, added = {}, 0, 0
for _, at in ipairs(commit.adding) do adds[at] = true end
local function count_before(at)
  if adds[at] then added = added + 1 else overridden = overridden + 1 end
end
local first = 1
for at, size in ipairs(commit.count_sizes) do
  local digest, packed = string.sub(ARGV[5], 8 * at - 7, 8 * at), string.sub(ARGV[6], first, first + size - 1)
  local annotations, before = remember_annotation_counts(digest, packed, commit.history_ms)
  first = first + size
  if before then count_before(at) end
  if annotations > 0 then leftover_rows, leftovers = leftover_rows + 1, leftovers + annotations end
end
if leftovers > 0 then redis.call('HINCRBY', root .. ':meta', 'leftovers', leftovers) end
for at, digest in ipairs(commit.marks) do
  if mark_imported(digest, commit.history_ms) then count_before(at) end
end

local aside, body = 0, 6
for _, outcome in ipairs(commit.outcomes) do
  local name, index, rows, held_id = outcome.name, outcome.index, outcome.rows, outcome.held_id
  if outcome.state then body = body + 1 end
  if name == 'cleared' then
    local old = held_state(held_id)
    if old then forget_held(held_id, old) end
  elseif redis.call('SETBIT', key .. ':aside', index, 1) == 0 then
    for i = index + 1, index + rows - 1 do redis.call('SETBIT', key .. ':aside', i, 1) end
    aside = aside + rows
    if name == 'held' then
      if outcome.state.reason == 'existing' and not held_state(held_id) then by_policy = by_policy + rows end
      hold(held_id, outcome.state, ARGV[body])
      -- A frame that could not be read may be tried again before this chunk ends, so only this mark still tells then.
      if string.sub(held_id, 1, 1) == 'f' then redis.call('HSET', key, 'unread:' .. held_id, rows) end
    else
      count(name, rows)
      local old = held_id ~= '' and held_state(held_id)
      if old then forget_held(held_id, old) end
    end
  end
end
if overridden > 0 then redis.call('HINCRBY', root .. ':meta', 'overridden', overridden) end
if added > 0 then redis.call('HINCRBY', root .. ':meta', 'addedAgain', added) end
if by_policy > 0 then redis.call('HINCRBY', root .. ':meta', 'deadByPolicy', by_policy) end
local mixed = remember_forms(commit.forms)
count('imported', commit.imported)
if commit.imported > 0 then redis.call('DEL', chunk_key(redis.call('HGET', key, 'origin') or id) .. ':refusals') end
redis.call('HSET', key, 'cursor', commit.after)
aside = redis.call('HINCRBY', key, 'aside', aside)
local settled = redis.call('HINCRBY', key, 'settled', commit.imported)
if not commit.finish then
  redis.call('APPEND', key .. ':past', ARGV[4])
  return {'ok', leftover_rows, leftovers, mixed}
end

local chunk = redis.call('HMGET', key, 'rows', 'items', 'lanes')
local open = tonumber(chunk[1]) - aside - settled
if open ~= 0 then return {'unbalanced', open} end
for kind, fid, low, high in string.gmatch(chunk[2], '(%a) (%S+) (%d+) (%d+) %d+') do
  if kind == 'f' then
    local remaining = redis.call('HINCRBY', root .. ':left', fid, tonumber(low) - tonumber(high))
    if remaining <= 0 then
      redis.call('HDEL', root .. ':left', fid)
      redis.call('HDEL', root .. ':frames', fid)
      redis.call('ZADD', root .. ':seen', text(now), fid)
    end
  elseif string.sub(fid, 1, 1) == 'f' and redis.call('HEXISTS', key, 'unread:' .. fid) == 0 then
    settle_held_frame(fid, tonumber(high) - tonumber(low))
  end
end
redis.call('ZREMRANGEBYSCORE', root .. ':seen', '-inf', text(now - commit.frame_memory_ms))
for lane in string.gmatch(chunk[3], '%d+') do redis.call('HINCRBY', root .. ':inbox', lane .. ':open', -1) end
remember(id, ARGV[4], commit.history_ms, commit.history_bytes)
redis.call('DEL', key, key .. ':aside', key .. ':sent', key .. ':past')
redis.call('ZREM', root .. ':chunks', id)
redis.call('ZREM', root .. ':timers', 'chunk:' .. id)
local waiting = tonumber(redis.call('HGET', root .. ':inbox', 'rows') or 0)
if waiting > 0 then wake('group', now) end
return {'done', waiting, leftover_rows, leftovers, mixed}
