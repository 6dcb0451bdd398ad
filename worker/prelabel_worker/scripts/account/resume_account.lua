-- End every stop of an account, whoever began it, and close its breaker. A lowered rate recovers by itself.
--
-- KEYS[1]  the account
-- returns  1 if a stop was in effect, or the breaker was open
local stopped_now = field('openings') > 0
for _, stop in ipairs({'throttled', 'paused', 'refused'}) do
  stopped_now = stopped_now or field(stop .. 'Until') > now
  redis.call('HDEL', root, stop .. 'Until', stop .. 'Why')
end
redis.call('HDEL', root, 'refusedKey', 'failures', 'openings', 'openUntil', 'probeUntil', 'probeProject')
return stopped_now and 1 or 0
