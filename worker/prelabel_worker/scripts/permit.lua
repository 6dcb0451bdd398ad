-- Reserve the time of the next request of an account (generic cell rate).
-- With a burst of b and an interval of 61 s / (limit - b), the requests of any 60 s never exceed the limit, even when
-- each permit is used up to a second late.
--
-- KEYS[1]  the account
-- ARGV     1 interval in ms (a fraction is fine), 2 burst
-- returns  {ms to wait, 1 when the time is reserved, or 0 when the account is paused until then}
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local account = redis.call('HMGET', root, 'nextMs', 'pausedUntil')
local paused = tonumber(account[2] or 0)
if paused > now then return {text(paused - now), 0} end
local theoretical = math.max(tonumber(account[1] or 0), now)
local allowed = math.max(now, theoretical - (burst - 1) * interval)
redis.call('HSET', root, 'nextMs', string.format('%.3f', theoretical + interval))
return {text(math.ceil(allowed - now)), 1}
