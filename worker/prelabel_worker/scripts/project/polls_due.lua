-- Return imports that are due to be polled, and remove them: nobody else gets them. If the hint is lost, the timer of the
-- chunk brings it back, see `Ledger.running`. While fewer are due than one request asks for, they wait a moment for those
-- that are due soon.
--
-- KEYS[1]  the sorted set of polls
-- ARGV     1 maximum imports, 2 maximum imports of one request, 3 maximum ms for which an import waits for others
-- returns  {ms until the next look (-1: no import is left), member, member, …}; most overdue first
-- cost     O(imports returned)
local due = redis.call('ZRANGEBYSCORE', root, '-inf', text(now), 'LIMIT', 0, ARGV[1])
if #due > 0 and #due < tonumber(ARGV[2]) then
  local until_then = text(redis.call('ZSCORE', root, due[1]) + ARGV[3])
  local last = redis.call('ZREVRANGEBYSCORE', root, until_then, '(' .. text(now), 'WITHSCORES', 'LIMIT', 0, 1)
  if last[2] then return {last[2] - now} end
end
for first = 1, #due, 1000 do
  redis.call('ZREM', root, unpack(due, first, math.min(first + 999, #due)))
end
local nearest = redis.call('ZRANGE', root, 0, 0, 'WITHSCORES')
table.insert(due, 1, nearest[2] and math.max(0, tonumber(nearest[2]) - now) or -1)
return due
