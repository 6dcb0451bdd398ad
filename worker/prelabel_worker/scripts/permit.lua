-- Reserve the time of the next request of an account (generic cell rate), unless the account is stopped.
-- With a burst of b and an interval of 61 s / (limit - b), the requests of any 60 s never exceed the limit, even when
-- each permit is used up to a second late. A lowered rate only makes the intervals longer.
-- A time that was reserved earlier is good for one call within its second; a stop voids it.
--
-- KEYS[1]  the account
-- ARGV     1 interval in ms (a fraction is fine), 2 burst, 3 ms after its time within which a permit is used,
--          4 what for: `upload`, `follow` (a running import, a look-up) or `ask` (a person's question),
--          5 fingerprint of the key, 6 the project, or '' when several, 7 the time reserved earlier, or 0,
--          8 the limit a minute, for who looks
-- returns  {'go', ms it is good for, 1 when what becomes of the request must be told, 1 when it is the breaker's probe}
--          | {'reserved', ms to wait, the time} | {'stopped', ms to wait, by what}
local interval, burst, within = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local at = tonumber(ARGV[7])
local ends, by = stopped(ARGV[4], ARGV[5], ARGV[6])
if ends > now then return {'stopped', text(ends - now), by} end

if at + within <= now then -- none, or missed
  local theoretical = math.max(field('nextMs'), now)
  at = math.ceil(math.max(now, theoretical - (burst - 1) * interval))
  -- No chunk books further ahead: who comes later has the same chance, and another rate is soon in effect.
  if at - now > HORIZON_MS and ARGV[4] ~= 'ask' then return {'stopped', text(HORIZON_MS / 2), 'busy'} end
  local minute, used, before = math.floor(now / 60000), field('used'), field('usedBefore')
  if minute ~= field('minute') then
    before = minute == field('minute') + 1 and used or 0
    used = 0
  end
  redis.call('HSET', root, 'nextMs', string.format('%.3f', theoretical + interval / factor()),
    'minute', minute, 'used', used + 1, 'usedBefore', before, 'perMinute', ARGV[8])
end
if at > now then return {'reserved', text(at - now), text(at)} end

local probe = field('openings') > 0
if probe then redis.call('HSET', root, 'probeUntil', text(now + PROBE_MS), 'probeProject', ARGV[6]) end
return {'go', text(at + within - now), (probe or field('failures') > 0) and 1 or 0, probe and 1 or 0}
