-- Return imports that are due to be polled, and remove them: nobody else gets them. If the hint is lost, the timer of the
-- chunk brings it back, see `Ledger.running`.
--
-- KEYS[1]  the sorted set of polls
-- ARGV     1 maximum imports
-- returns  {ms until the next import is due (-1: none), member, member, …}; most overdue first
-- cost     O(imports returned)
local due = redis.call('ZRANGEBYSCORE', root, '-inf', text(now), 'LIMIT', 0, ARGV[1])
for first = 1, #due, 1000 do
  redis.call('ZREM', root, unpack(due, first, math.min(first + 999, #due)))
end
local nearest = redis.call('ZRANGE', root, 0, 0, 'WITHSCORES')
table.insert(due, 1, nearest[2] and math.max(0, tonumber(nearest[2]) - now) or -1)
return due
