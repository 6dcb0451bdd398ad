-- End a pause of a project's uploads, whoever began it: what waited for its end is due now.
--
-- KEYS[1]  the project's root
-- returns  1 when it was paused, else 0
-- cost     O(open chunks)
local key = root .. ':meta'
local paused = tonumber(redis.call('HGET', key, 'pausedUntil') or 0)
redis.call('HDEL', key, 'pausedUntil', 'pauseReason')
for _, id in ipairs(redis.call('ZRANGE', root .. ':chunks', 0, -1)) do
  local chunk = redis.call('HMGET', chunk_key(id), 'state', 'due', 'lease')
  if chunk[1] ~= 'running' and tonumber(chunk[3] or 0) < now then wake('chunk:' .. id, tonumber(chunk[2])) end
end
wake('group', now)
return paused > now and 1 or 0
