-- Give a permit for one request of an account now, or the time at which to ask again, unless the account is stopped.
--
-- The rate follows the generic cell rate algorithm: with a burst of b and an interval of 61 s / (limit - b), the
-- requests of any 60 s never exceed the limit, even if each permit is used up to a second late. Only workers set the
-- limit and the burst of an account; a command uses theirs, or its own while no worker has set any. A lowered rate makes
-- intervals longer. An upload that gets no permit joins a line. The times of the line are an interval apart, and the
-- upload asks again with its time as a ticket. Only a permit that is given counts, so a ticket that nobody comes back
-- with costs nothing. An upload without a ticket goes to the end of the line, unless a whole burst is unused. The last
-- permits of a burst are for polls, which can end chunks. While uploads wait, polls of few imports wait a second to be
-- sent together. A person's question is counted at once, and is sent at the time returned without asking again.
--
-- KEYS[1]  the account
-- ARGV     1 limit per minute, 2 burst, 3 ms within which a permit must be used,
--          4 purpose: `upload` or `follow` (running imports, look-ups) of a worker, or `ask` (a person's question),
--          5 fingerprint of the key, 6 the project, or '' for several, 7 the ticket, or 0,
--          8 number of imports of a poll, or 0, 9 their maximum
-- returns  {'go', ms within which to use it, 1 if the result of the request must be reported, 1 if it is the breaker's
--          probe} | {'wait', ms, the ticket} | {'stopped', ms to wait, name of the stop}
local limit, burst, within = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local purpose, ticket, imports = ARGV[4], tonumber(ARGV[7]), tonumber(ARGV[8])
if purpose == 'ask' and field('burst') > 0 and field('perMinute') > field('burst') then
  limit, burst = field('perMinute'), field('burst')
end
local ends, by = stopped(purpose, ARGV[5], ARGV[6])
if ends > now then return {'stopped', text(ends - now), by} end
if ticket > now then return {'wait', text(ticket - now), text(ticket)} end

local interval = (60000 + within) / (limit - burst)
local apart = interval / factor()
local theoretical = math.max(field('nextMs'), now)
local function free(of_burst) -- the earliest time for a request that may use this many permits of the burst
  return math.ceil(math.max(now, theoretical - (of_burst - 1) * interval))
end
local line = math.max(field('lineMs'), now)

local function wait_until(at, ...)
  redis.call('HSET', root, ...)
  return {'wait', text(at - now), text(at)}
end

if purpose == 'upload' then
  local at = free(math.max(1, math.floor(burst * FOR_UPLOADS)))
  if at > now or (ticket == 0 and line > now and free(1) > now) then
    at = math.ceil(math.max(line, at) + apart)
    return wait_until(at, 'lineMs', text(at))
  end
elseif imports > 0 and imports < tonumber(ARGV[9]) and ticket == 0 and line > now then
  if field('pollMs') > now and field('pollSeats') >= imports then
    return wait_until(field('pollMs'), 'pollSeats', field('pollSeats') - imports)
  end
  return wait_until(now + POLLS_GATHER_MS, 'pollMs', text(now + POLLS_GATHER_MS), 'pollSeats', ARGV[9] - imports)
elseif purpose == 'follow' and free(burst) > now then
  local at = free(burst)
  return {'wait', text(at - now), text(at)}
end

local minute, used, before = math.floor(now / 60000), field('used'), field('usedBefore')
if minute ~= field('minute') then
  before = minute == field('minute') + 1 and used or 0
  used = 0
end
redis.call('HSET', root, 'nextMs', string.format('%.3f', theoretical + apart), 'minute', minute, 'used', used + 1,
  'usedBefore', before)
if purpose ~= 'ask' then redis.call('HSET', root, 'perMinute', limit, 'burst', burst) end
local at = free(burst)
if at > now then return {'wait', text(at - now), text(at)} end -- only a person's question comes here too early
local probe = field('openings') > 0
if probe then redis.call('HSET', root, 'probeUntil', text(now + PROBE_MS), 'probeProject', ARGV[6]) end
return {'go', text(within), (probe or field('failures') > 0) and 1 or 0, probe and 1 or 0}
