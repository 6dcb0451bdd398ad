-- End the undoing of imports that Labelbox does not have any more: their rows move from imported to discarded, once.
-- What was begun is gone with the move, and begins no second time: the history's record is marked, or forgotten.
--
-- KEYS[1]  the project's root
-- ARGV     chunk ids, some tens
-- returns  for each the rows moved, or -1 when nothing was begun: somebody else was faster
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
return answers
