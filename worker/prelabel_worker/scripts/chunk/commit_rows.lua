-- Give rows of a held chunk their outcomes: those set aside before the import, or a slice of a settled one.
-- One commit: counters, held rows, superseded rows and the cursor; the last one frees the frames and the lanes.
--
-- KEYS[1]  the project's root
-- ARGV     1 chunk id, 2 token, 3 cursor expected, 4 cursor after, 5 rows imported in between, 6 finish (1 or 0),
--          7 ms that a frame's id is remembered, 8 history entries of these rows, 9 the chunk's history record (on the
--          last call, else ''), 10 ms to keep it, 11 maximum bytes of history a project, 12 number of operations, 13
--          number of superseding rows, 14 number of annotation_counts, then for each operation name, row index in the chunk, rows, held id, state as JSON, body
--            `held`        the row leaves the chunk for the held rows
--            `superseded`, `skipped`   the row is counted so; a held row is forgotten
--            `cleared`     a held row was imported (counted in 5): forget it
--          then for each superseding row its key, arrival number; then for each imported row that is to be compared with the one
--          before digest, counts; then digests of imported rows to be remembered (both ARGV 10)
-- returns  {'ok', rows, annotations} (what is left of older messages) | {'done', rows waiting, rows, annotations} |
--          {'lost'} | {'cursor', n} | {'unbalanced', rows without an outcome}
-- cost     O(operations + superseding rows + annotation_counts), on the last call also O(frames of the chunk)
local id, token = ARGV[1], ARGV[2]
local key = chunk_key(id)
if not holds(id, token) then return {'lost'} end
local cursor = tonumber(redis.call('HGET', key, 'cursor'))
if cursor ~= tonumber(ARGV[3]) then return {'cursor', cursor} end

local operations, position = tonumber(ARGV[12]), 15
local annotation_counts = position + 6 * operations + 2 * tonumber(ARGV[13])
local marks = annotation_counts + 2 * tonumber(ARGV[14])
for i = position + 6 * operations, annotation_counts - 1, 2 do mark_superseded(ARGV[i], tonumber(ARGV[i + 1])) end
local left_rows, left, overridden, by_policy = 0, 0, 0, 0
for i = annotation_counts, marks - 1, 2 do
  local annotations, before = remember_annotation_counts(ARGV[i], ARGV[i + 1], tonumber(ARGV[10]))
  if before then overridden = overridden + 1 end
  if annotations > 0 then left_rows, left = left_rows + 1, left + annotations end
end
if left > 0 then redis.call('HINCRBY', root .. ':meta', 'leftovers', left) end
for i = marks, #ARGV do
  if mark_imported(ARGV[i], tonumber(ARGV[10])) then overridden = overridden + 1 end
end

local aside = 0
for _ = 1, operations do
  local name, index, rows, held_id = ARGV[position], tonumber(ARGV[position + 1]), tonumber(ARGV[position + 2]),
    ARGV[position + 3]
  local state, body = ARGV[position + 4], ARGV[position + 5]
  position = position + 6
  if name == 'cleared' then
    local old = held_state(held_id)
    if old then forget_held(held_id, old) end
  elseif redis.call('SETBIT', key .. ':aside', index, 1) == 0 then
    for i = index + 1, index + rows - 1 do redis.call('SETBIT', key .. ':aside', i, 1) end
    aside = aside + rows
    if name == 'held' then
      local held = cjson.decode(state)
      if held.reason == 'existing' and not held_state(held_id) then by_policy = by_policy + rows end
      hold(held_id, held, body)
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
local imported = tonumber(ARGV[5])
count('imported', imported)
if imported > 0 then redis.call('DEL', chunk_key(redis.call('HGET', key, 'origin') or id) .. ':refusals') end
redis.call('HSET', key, 'cursor', ARGV[4])
aside = redis.call('HINCRBY', key, 'aside', aside)
local settled = redis.call('HINCRBY', key, 'settled', imported)
if ARGV[6] ~= '1' then
  redis.call('APPEND', key .. ':past', ARGV[8])
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
redis.call('ZREMRANGEBYSCORE', root .. ':seen', '-inf', text(now - tonumber(ARGV[7])))
for lane in string.gmatch(chunk[3], '%d+') do redis.call('HINCRBY', root .. ':inbox', lane .. ':open', -1) end
remember(id, ARGV[9], tonumber(ARGV[10]), tonumber(ARGV[11]))
redis.call('DEL', key, key .. ':aside', key .. ':sent', key .. ':past')
redis.call('ZREM', root .. ':chunks', id)
redis.call('ZREM', root .. ':timers', 'chunk:' .. id)
local waiting = tonumber(redis.call('HGET', root .. ':inbox', 'rows') or 0)
if waiting > 0 then wake('group', now) end
return {'done', waiting, left_rows, left}
