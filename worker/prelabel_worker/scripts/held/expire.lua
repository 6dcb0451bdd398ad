-- Discard the dead letters that were kept for their time, oldest first, and set the timer for the next.
--
-- KEYS[1]  the project's root
-- ARGV     1 ms for which a dead letter is kept (0: for ever), 2 maximum dead letters to discard
-- returns  {dead letters discarded, their rows, 1 if more are due}
-- cost     O(dead letters discarded)
local keep, most = tonumber(ARGV[1]), tonumber(ARGV[2])
-- held_lib.lua needs the setting to set the timer of a project's first dead letter.
if tonumber(redis.call('HGET', root .. ':meta', 'deadLetterMs') or '') ~= keep then
  redis.call('HSET', root .. ':meta', 'deadLetterMs', text(keep))
end
local dead_letters, rows = 0, 0
if keep > 0 then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', root .. ':dead', '-inf', text(now - keep), 'LIMIT', 0, most)) do
    local weight = discard(id)
    if weight then dead_letters, rows = dead_letters + 1, rows + weight end
  end
end
write_flow()
local oldest = redis.call('ZRANGE', root .. ':dead', 0, 0, 'WITHSCORES')
if not oldest[2] then
  redis.call('ZREM', root .. ':timers', 'expire')
  return {dead_letters, rows, 0}
end
local next_at = keep > 0 and tonumber(oldest[2]) + keep or now + DAY
set_timer('expire', math.min(next_at, now + DAY))
return {dead_letters, rows, next_at <= now and 1 or 0}
