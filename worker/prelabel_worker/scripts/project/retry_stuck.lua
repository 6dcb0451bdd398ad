-- Make every stuck chunk of a project due now, and forget its defects.
--
-- KEYS[1]  the project's root
-- returns  number of chunks that were stuck
-- cost     O(open chunks)
local stuck = 0
for _, id in ipairs(redis.call('ZRANGE', root .. ':chunks', 0, -1)) do
  local key = chunk_key(id)
  if redis.call('HDEL', key, 'stuckMs') == 1 then
    stuck = stuck + 1
    redis.call('HSET', key, 'due', text(now), 'defects', 0)
    wake('chunk:' .. id, math.max(now, tonumber(redis.call('HGET', key, 'lease') or 0)))
  end
end
return stuck
