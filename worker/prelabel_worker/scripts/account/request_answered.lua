-- Record that the service answered a request of an account that was in trouble.
--
-- KEYS[1]  the account
-- ARGV     1 1 if the request was the breaker's probe: only a probe closes the breaker
-- returns  1 when this closed the breaker
local open = field('openings') > 0
if open and ARGV[1] == '0' then return 0 end
redis.call('HDEL', root, 'failures', 'openings', 'openUntil', 'probeUntil', 'probeProject')
return open and 1 or 0
