-- Stop the requests of an account for all workers, or make the stop longer.
--
-- KEYS[1]  the account
-- ARGV     1 the stop: `throttled`, `paused` or `refused`, 2 ms, 3 why, 4 fingerprint of the refused key, or '',
--          5 1: lower the rate too, once for each stop
-- returns  1 when it was not stopped so before
local stop, ends = ARGV[1], now + tonumber(ARGV[2])
local known = field(stop .. 'Until')
if stop == 'refused' and ARGV[4] ~= fields.refusedKey then known = 0 end
if ARGV[5] == '1' and known <= now and now - field('loweredMs') >= LOWERED_APART_MS then
  redis.call('HSET', root, 'factor', string.format('%.4f', math.max(LOWEST_FACTOR, factor() * LOWERING)),
    'loweredMs', text(now))
end
if known < ends then
  redis.call('HSET', root, stop .. 'Until', text(ends), stop .. 'Why', ARGV[3])
  if stop == 'refused' then redis.call('HSET', root, 'refusedKey', ARGV[4]) end
end
return known <= now and 1 or 0
