-- Pause a project's uploads, or prolong the pause. Running imports are still polled and settled.
--
-- KEYS[1]  the project's root
-- ARGV     1 ms, 2 the reason, 3 the cause (see `PauseCause` in accounts/pauses.py)
-- returns  1
local key = root .. ':meta'
local ends = now + tonumber(ARGV[1])
if tonumber(redis.call('HGET', key, 'pausedUntil') or 0) < ends then
  redis.call('HSET', key, 'pausedUntil', text(ends), 'pauseReason', ARGV[2], 'pauseCause', ARGV[3])
end
return 1
