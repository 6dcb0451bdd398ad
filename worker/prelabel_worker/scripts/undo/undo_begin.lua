-- Begin to undo imports whose chunks are settled. The first line of the import's record is copied out of the history,
-- which may forget an import at any time, even between its deletion at Labelbox and the move of its rows.
--
-- KEYS[1]  the project's root
-- ARGV     chunk ids, some tens
-- returns  for each: 'begun' (now or before) | 'undone' | 'forgotten' (the history has no record of it)
-- cost     O(chunks)
local HEAD_BYTES = 4096
local answers = {}
for i, id in ipairs(ARGV) do
  if redis.call('HEXISTS', root .. ':undone', id) == 1 then
    answers[i] = 'undone'
  elseif redis.call('HEXISTS', root .. ':undoing', id) == 1 then
    answers[i] = 'begun'
  else
    local record = redis.call('GETRANGE', root .. ':history:' .. id, 0, HEAD_BYTES - 1)
    local head = string.match(record, '^(.-)\n')
    if head then redis.call('HSET', root .. ':undoing', id, head) end
    answers[i] = head and 'begun' or 'forgotten'
  end
end
return answers
