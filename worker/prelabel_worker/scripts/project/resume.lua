-- End a pause of a project's uploads, no matter who began it, and a purge that has not ended. The group stage and the chunks that are due are woken
-- now; a chunk that waits for the same reason as the pause becomes due now. Other chunks wait until their own times.
--
-- KEYS[1]  the project's root
-- returns  1 if the project was paused or being purged, else 0
-- cost     O(open chunks)
local key = root .. ':meta'
local meta = redis.call('HMGET', key, 'pausedUntil', 'pauseReason')
local paused = tonumber(meta[1] or 0)
redis.call('HDEL', key, 'pausedUntil', 'pauseReason', 'pauseCause')
local purging = redis.call('HDEL', key, 'purgeSeq', 'purgeBy', 'purgeMs') > 0
for _, id in ipairs(redis.call('ZRANGE', root .. ':chunks', 0, -1)) do
  local chunk = redis.call('HMGET', chunk_key(id), 'state', 'due', 'lease', 'why')
  if chunk[1] ~= 'running' and tonumber(chunk[3] or 0) < now then
    local due = tonumber(chunk[2])
    if meta[2] and chunk[4] == meta[2] then
      due = math.min(due, now)
      redis.call('HSET', chunk_key(id), 'due', text(due))
    end
    wake('chunk:' .. id, due)
  end
end
wake('group', now)
return (paused > now or purging) and 1 or 0
