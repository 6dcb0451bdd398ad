-- What is known of an account now. Changes nothing.
--
-- KEYS[1]  the account
-- returns  {limit a minute (0: nobody has asked for a permit yet), share of the rate in effect, requests of about the
--          last minute, failures in a row, openings of the breaker in a row, ms until it lets a probe through,
--          1 while a probe is out, then for each stop in effect: its name, ms left, why, the refused key's fingerprint}
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
  local left = field(stop .. 'Until') - now
  if left > 0 then
    for _, value in ipairs({stop, text(left), fields[stop .. 'Why'] or '', stop == 'refused' and fields.refusedKey or ''})
    do answer[#answer + 1] = value end
  end
end
return answer
