-- Give dead letters other messages, and send them back to their lanes.
--
-- KEYS[1]  the project's root
-- ARGV     1 what then: `keep` (they stay dead), `old` or `new` (retried with that arrival number),
--          then for each dead letter: id, SHA-1 of the body that was read, facts as JSON {row, message, lane, bytes, slow},
--          body
-- returns  {dead letters edited, skipped: no dead letter any more or changed meanwhile, rows of the first}
-- cost     O(dead letters + bytes): at most some hundred dead letters and a few megabytes
local FACTS = {'row', 'message', 'lane', 'bytes', 'slow'}

local function replace(id, state, facts, body)
  if state.row ~= facts.row then
    if state.row then unindex_row(id, state.row) end
    if facts.row then index_row(id, facts.row) end
    state.superseded = nil -- what superseded it was about the other data row
  end
  if state.message ~= facts.message then
    unindex_message(id, state)
    if facts.message then redis.call('HSET', root .. ':dead:messages', facts.message, id) end
  end
  for _, name in ipairs(FACTS) do state[name] = facts[name] end
  save_state(id, state)
  redis.call('HSET', root .. ':held:body', id, body)
end

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
return {done, skipped, rows}
