-- Pause the requests of an account for all workers, or make its pause longer.
--
-- KEYS[1]  the account
-- ARGV     1 ms, 2 why
local ends = now + tonumber(ARGV[1])
if tonumber(redis.call('HGET', root, 'pausedUntil') or 0) < ends then
  redis.call('HSET', root, 'pausedUntil', text(ends), 'pauseReason', ARGV[2])
end
return 1
