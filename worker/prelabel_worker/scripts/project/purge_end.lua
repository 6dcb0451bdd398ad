-- End a purge: workers continue with rows that arrived after it began. A pause that workers made ends too: the rows that
-- it concerned are gone, and the next row shows whether the cause is. A pause that a person made stays.
--
-- KEYS[1]  the project's root
-- returns  1, or 0 if somebody has ended it before
local key = root .. ':meta'
if redis.call('HDEL', key, 'purgeSeq', 'purgeBy', 'purgeMs') == 0 then return 0 end
if redis.call('HGET', key, 'pauseCause') ~= 'operator' then
  redis.call('HDEL', key, 'pausedUntil', 'pauseReason', 'pauseCause')
end
wake('group', now)
if redis.call('ZCARD', root .. ':retrying') > 0 then wake('retry', now) end
return 1
