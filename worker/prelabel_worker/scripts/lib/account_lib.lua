-- The stops of an account's requests, and their rate. Placed after lib.lua in the scripts that need it.
-- Times are in ms by Redis's clock.
--
-- There are three stops, each with the fields `<stop>Until` and `<stop>Why`: `throttled` stops all requests; `paused`
-- (by an operator, or because of an account limit) stops uploads and questions; `refused` does so for the key with the
-- fingerprint `refusedKey`. The breaker is open while `openings` is above 0: no request is sent until `openUntil`, then
-- one probe at a time.
local OPEN_MS = {1000, 2000, 4000, 8000, 15000} -- of the first, second … opening without a success in between
local FAILURES_TO_OPEN = 5
local PROBE_MS = 15000         -- a probe without a result after this time is given up, and another one is granted
local BEHIND_PROBE_MS = 1000   -- while a probe is on its way, other requests ask again after this time
local OTHERS_FIRST_MS = 1000   -- a project whose probe failed waits longer than others: its file may be the reason
-- The rate's factor is multiplied by LOWERING, never falls below LOWEST_FACTOR, and grows by 1 in RECOVERY_MS.
local LOWEST_FACTOR, LOWERING, RECOVERY_MS = 0.25, 0.75, 300000
local LOWERED_APART_MS = 1000
local FOR_UPLOADS = 0.75       -- the share of a burst that uploads may use; the rest is for polls
local POLLS_GATHER_MS = 1000

local fields, flat = {}, redis.call('HGETALL', root)
for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end

local function field(name)
  return tonumber(fields[name]) or 0
end

local function factor()
  if not fields.factor then return 1 end
  return math.min(1, field('factor') + math.max(0, now - field('loweredMs')) / RECOVERY_MS)
end

-- Return the time until which a request is stopped and the name of the stop; 0 and '' if it may be sent.
local function stopped(purpose, fingerprint, project)
  local ends, by = 0, ''
  local function stop(at, name)
    if at > now and at > ends then ends, by = at, name end
  end
  stop(field('throttledUntil'), 'throttled')
  if purpose ~= 'follow' then
    stop(field('pausedUntil'), 'paused')
    if fingerprint == (fields.refusedKey or '') then stop(field('refusedUntil'), 'refused') end
  end
  if field('openings') > 0 then
    stop(field('openUntil'), 'breaker')
    if field('probeUntil') > now then stop(math.min(field('probeUntil'), now + BEHIND_PROBE_MS), 'breaker') end
    if project ~= '' and project == fields.probeProject then stop(field('openUntil') + OTHERS_FIRST_MS, 'breaker') end
    -- A question is never the probe, since nobody reports its result.
    if purpose == 'ask' then stop(now + BEHIND_PROBE_MS, 'breaker') end
  end
  return ends, by
end
