-- Return the state of an account. Changes nothing.
--
-- KEYS[1]  the account
-- returns  {limit per minute (0: no worker has asked for a permit yet), factor of the rate in effect, number of requests
--          in about the last minute, failures in a row, openings of the breaker in a row, ms until the breaker lets a
--          probe through, 1 while a probe is on its way, then for each stop in effect: its name, ms that remain, the
--          reason, fingerprint of the refused key}
local minute = math.floor(now / 60000)
local used, before = field('used'), field('usedBefore')
if minute > field('minute') then
  before = minute == field('minute') + 1 and used or 0
  used = 0
end
local answer = {field('perMinute'), string.format('%.4f', factor()),
  math.floor(used + before * (1 - now % 60000 / 60000)), field('failures'), field('openings'),
  text(math.max(0, field('openUntil') - now)), field('probeUntil') > now and 1 or 0}
for _, stop in ipairs({'throttled', 'paused', 'refused'}) do
  local remaining = field(stop .. 'Until') - now
  if remaining > 0 then
    local key = stop == 'refused' and fields.refusedKey or ''
    for _, value in ipairs({stop, text(remaining), fields[stop .. 'Why'] or '', key}) do answer[#answer + 1] = value end
  end
end
return answer
