-- Replace the messages of dead letters, and send them back to their lanes.
--
-- KEYS[1]  the project's root
-- ARGV     1 what to do then: `keep` (they stay dead letters), `old` or `new` (retry with the old or a new arrival
--          number), then for each dead letter: id, SHA-1 of the body that the caller read, facts as JSON {row, message,
--          lane, bytes, slow}, new body
-- returns  {dead letters edited, ids skipped (not a dead letter any more, or changed since it was read), rows of the
--          dead letters edited}
-- cost     O(dead letters + bytes): at most some hundred dead letters and a few megabytes
local FACTS = {'row', 'message', 'lane', 'bytes', 'slow'}

local function replace(id, state, facts, body)
  if state.row ~= facts.row then
    if state.row then unindex_row(id, state.row) end
    if facts.row then index_row(id, facts.row) end
    state.superseded = nil -- the newer message was for the other data row or model
  end
  if state.message ~= facts.message then
    unindex_message(id, state)
    if facts.message then redis.call('HSET', root .. ':dead:messages', facts.message, id) end
  end
  for _, name in ipairs(FACTS) do state[name] = facts[name] end
  save_state(id, state)
  redis.call('HSET', root .. ':held:body', id, body)
end

if ARGV[1] ~= 'keep' then retried_by_operator() end
local done, skipped, rows = 0, 0, 0
for i = 2, #ARGV, 4 do
  local id = ARGV[i]
  local state = redis.call('ZSCORE', root .. ':dead', id) and held_state(id)
  if state and redis.sha1hex(redis.call('HGET', root .. ':held:body', id) or '') == ARGV[i + 1] then
    replace(id, state, cjson.decode(ARGV[i + 2]), ARGV[i + 3])
    if ARGV[1] ~= 'keep' then requeue(id, ARGV[1] == 'new') end
    done, rows = done + 1, rows + state.weight
  else
    skipped = skipped + 1
  end
end
write_flow()
return {done, skipped, rows}
