-- Stop the requests of an account for all workers, or prolong the stop.
--
-- KEYS[1]  the account
-- ARGV     1 the stop: `throttled`, `paused` or `refused`, 2 ms, 3 the reason, 4 fingerprint of the refused key, or '',
--          5 1: also lower the rate, but only once for each stop
-- returns  1 if this stop was not in effect before
local stop, ends = ARGV[1], now + tonumber(ARGV[2])
local ends_now = field(stop .. 'Until')
if stop == 'refused' and ARGV[4] ~= fields.refusedKey then ends_now = 0 end
if ARGV[5] == '1' and ends_now <= now and now - field('loweredMs') >= LOWERED_APART_MS then
  redis.call('HSET', root, 'factor', string.format('%.4f', math.max(LOWEST_FACTOR, factor() * LOWERING)),
    'loweredMs', text(now))
end
if ends_now < ends then
  redis.call('HSET', root, stop .. 'Until', text(ends), stop .. 'Why', ARGV[3])
  if stop == 'refused' then redis.call('HSET', root, 'refusedKey', ARGV[4]) end
end
return ends_now <= now and 1 or 0
