-- Finish undoing imports that Labelbox does not have any more: their rows move from imported to discarded, once.
-- The same step deletes the record that undoing has begun. An import that the history still has is marked as undone, so
-- that its undoing cannot begin again.
--
-- KEYS[1]  the project's root
-- ARGV     chunk ids, some tens
-- returns  for each the number of rows moved, or -1 if its undoing has not begun or somebody else has finished it
-- cost     O(chunks)
local answers = {}
for i, id in ipairs(ARGV) do
  local head = redis.call('HGET', root .. ':undoing', id)
  if head then
    local rows = cjson.decode(head).outcomes.imported or 0
    count('imported', -rows)
    count('discarded', rows)
    redis.call('HINCRBY', root .. ':meta', 'undoneRows', rows)
    redis.call('HDEL', root .. ':undoing', id)
    if redis.call('EXISTS', root .. ':history:' .. id) == 1 then
      redis.call('HSET', root .. ':undone', id, text(now) .. ' ' .. rows)
    end
    answers[i] = rows
  else
    answers[i] = -1
  end
end
write_flow()
return answers
