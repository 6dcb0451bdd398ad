-- Make all chunks of a project that wait for some reason due now, since the project's account was resumed.
--
-- KEYS[1]  the project's root
-- returns  number of chunks made due
-- cost     O(open chunks)
local woken = 0
for _, id in ipairs(redis.call('ZRANGE', root .. ':chunks', 0, -1)) do
  local chunk = redis.call('HMGET', chunk_key(id), 'why', 'lease')
  if (chunk[1] or '') ~= '' and tonumber(chunk[2] or 0) < now then
    redis.call('HSET', chunk_key(id), 'due', text(now))
    wake('chunk:' .. id, now)
    woken = woken + 1
  end
end
return woken
