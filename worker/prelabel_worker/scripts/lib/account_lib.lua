-- What stops an account's requests, and how fast they may go. Times in ms by Redis's clock.
--
-- Three stops, each with `<stop>Until` and `<stop>Why`: `throttled` stops every request; `paused` (an operator, a limit
-- of the account) stops uploads; `refused` stops uploads of the key with the fingerprint `refusedKey`.
-- The breaker is open while `openings` is above 0: nothing goes until `openUntil`, then one probe at a time.
local OPEN_MS = {1000, 2000, 4000, 8000, 15000} -- of the first, second … opening without a success in between
local FAILURES_TO_OPEN = 5
local PROBE_MS = 15000         -- a probe that has not told by then has died: another is granted
local BEHIND_PROBE_MS = 1000   -- how soon the others look again while a probe is out
local OTHERS_FIRST_MS = 1000   -- the project whose probe failed lets the others try first: its file may be the reason
local LOWEST_FACTOR, LOWERING, RECOVERY_MS = 0.25, 0.75, 300000 -- of the rate; linear, from nothing to all of it
local LOWERED_APART_MS = 1000
local FOR_UPLOADS = 0.75         -- of a burst; the rest is left to polls
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

-- Until when a request is stopped and by what; 0 when it may go.
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
    if purpose == 'ask' then stop(now + BEHIND_PROBE_MS, 'breaker') end -- nobody tells what became of a question
  end
  return ends, by
end
