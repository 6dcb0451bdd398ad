-- Send held rows back to their lanes: dead letters by id, or all healing rows that are due.
--
-- KEYS[1]  the project's root
-- ARGV     1 most healing rows to take (0: none), 2… ids of dead letters
-- returns  {rows sent back or superseded, skipped}: letters, not their weight
local done, skipped = 0, 0
local ids = {}
if tonumber(ARGV[1]) > 0 then
  ids = redis.call('ZRANGEBYSCORE', root .. ':heal', '-inf', text(now), 'LIMIT', 0, ARGV[1])
end
for i = 2, #ARGV do
  if redis.call('ZSCORE', root .. ':dead', ARGV[i]) then ids[#ids + 1] = ARGV[i] else skipped = skipped + 1 end
end
for _, id in ipairs(ids) do
  if requeue(id) == 'skipped' then skipped = skipped + 1 else done = done + 1 end
end
local nearest = redis.call('ZRANGE', root .. ':heal', 0, 0, 'WITHSCORES')
if nearest[2] then set_timer('heal', tonumber(nearest[2])) else redis.call('ZREM', root .. ':timers', 'heal') end
return {done, skipped}
