-- Look at every stuck chunk of a project now, as if it had met no defect yet.
--
-- KEYS[1]  the project's root
-- returns  how many there were
-- cost     O(open chunks)
local found = 0
for _, id in ipairs(redis.call('ZRANGE', root .. ':chunks', 0, -1)) do
  local key = chunk_key(id)
  if redis.call('HDEL', key, 'stuckMs') == 1 then
    found = found + 1
    redis.call('HSET', key, 'due', text(now), 'defects', 0)
    wake('chunk:' .. id, math.max(now, tonumber(redis.call('HGET', key, 'lease') or 0)))
  end
end
return found
