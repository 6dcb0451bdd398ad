-- Record that a request of an account did not reach the service. Enough such failures in a row open the breaker, and a
-- probe that fails opens it again, for longer.
--
-- KEYS[1]  the account
-- ARGV     1 1 if the request was the breaker's probe, 2 factor for the time that the breaker is open (jitter, at most
--          1)
-- returns  {1 if this opened the breaker, ms until a request may be sent, openings in a row}
local openings = field('openings')
if openings == 0 then
  if redis.call('HINCRBY', root, 'failures', 1) < FAILURES_TO_OPEN then return {0, 0, 0} end
  redis.call('HSET', root, 'probeProject', '')
elseif ARGV[1] == '0' then -- the request was sent before the breaker opened, so its failure says nothing new
  return {0, text(math.max(0, field('openUntil') - now)), openings}
end
local open = math.ceil(OPEN_MS[math.min(openings + 1, #OPEN_MS)] * tonumber(ARGV[2]))
redis.call('HSET', root, 'openings', openings + 1, 'openUntil', text(now + open), 'probeUntil', 0)
return {1, open, openings + 1}
