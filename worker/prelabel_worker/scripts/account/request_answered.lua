-- A request of an account that was in trouble was answered: the service is there.
--
-- KEYS[1]  the account
-- ARGV     1 1 when it was the breaker's probe; only that closes it
-- returns  1 when this closed the breaker
local open = field('openings') > 0
if open and ARGV[1] == '0' then return 0 end
redis.call('HDEL', root, 'failures', 'openings', 'openUntil', 'probeUntil', 'probeProject')
return open and 1 or 0
