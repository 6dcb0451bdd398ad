-- Give rows of a held chunk their outcomes: those set aside before the import, or a slice of a settled one.
-- One commit: counters, held rows, superseded rows and the cursor; the last one frees the frames and the lanes.
--
-- KEYS[1]  the project's root
-- ARGV     1 chunk id, 2 token, 3 the commit as JSON: the fields of `Commit` in chunks/commit.py; then what is no text:
--          4 the history's entries of these rows or, on the last call, the chunk's record, 5 digests of 8 bytes and
--          6 packed counts of the rows of `count_sizes`, then the body of each outcome with a state. An outcome's name:
--            `held`        the row leaves the chunk for the held rows
--            `superseded`, `skipped`   the row is counted so; a held row is forgotten
--            `cleared`     a held row was imported (counted in `imported`): forget it
-- returns  {'ok', rows, annotations} (what is left of older messages) | {'done', rows waiting, rows, annotations} |
--          {'lost'} | {'cursor', n} | {'unbalanced', rows without an outcome}
-- cost     O(operations + superseding rows + annotation_counts), on the last call also O(frames of the chunk)
local id, token = ARGV[1], ARGV[2]
local key = chunk_key(id)
if not holds(id, token) then return {'lost'} end
local commit = cjson.decode(ARGV[3])
local cursor = tonumber(redis.call('HGET', key, 'cursor'))
if cursor ~= commit.cursor then return {'cursor', cursor} end

for _, pair in ipairs(commit.superseding) do mark_superseded(pair[1], pair[2]) end
local left_rows, left, overridden, by_policy = 0, 0, 0, 0
local first = 1
for at, size in ipairs(commit.count_sizes) do
  local digest, packed = string.sub(ARGV[5], 8 * at - 7, 8 * at), string.sub(ARGV[6], first, first + size - 1)
  local annotations, before = remember_annotation_counts(digest, packed, commit.history_ms)
  first = first + size
  if before then overridden = overridden + 1 end
  if annotations > 0 then left_rows, left = left_rows + 1, left + annotations end
end
if left > 0 then redis.call('HINCRBY', root .. ':meta', 'leftovers', left) end
for _, digest in ipairs(commit.marks) do
  if mark_imported(digest, commit.history_ms) then overridden = overridden + 1 end
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
      -- A held frame may be retried before this chunk ends.
      if string.sub(held_id, 1, 1) == 'f' then redis.call('HSET', key, 'unread:' .. held_id, rows) end
    else
      count(name, rows)
      local old = held_id ~= '' and held_state(held_id)
      if old then forget_held(held_id, old) end
    end
  end
end
if overridden > 0 then redis.call('HINCRBY', root .. ':meta', 'overridden', overridden) end
if by_policy > 0 then redis.call('HINCRBY', root .. ':meta', 'deadByPolicy', by_policy) end
count('imported', commit.imported)
if commit.imported > 0 then redis.call('DEL', chunk_key(redis.call('HGET', key, 'origin') or id) .. ':refusals') end
redis.call('HSET', key, 'cursor', commit.after)
aside = redis.call('HINCRBY', key, 'aside', aside)
local settled = redis.call('HINCRBY', key, 'settled', commit.imported)
if not commit.finish then
  redis.call('APPEND', key .. ':past', ARGV[4])
  return {'ok', left_rows, left}
end

local chunk = redis.call('HMGET', key, 'rows', 'items', 'lanes')
local open = tonumber(chunk[1]) - aside - settled
if open ~= 0 then return {'unbalanced', open} end
for kind, fid, low, high in string.gmatch(chunk[2], '(%a) (%S+) (%d+) (%d+) %d+') do
  if kind == 'f' then
    local left = redis.call('HINCRBY', root .. ':left', fid, tonumber(low) - tonumber(high))
    if left <= 0 then
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
return {'done', waiting, left_rows, left}
