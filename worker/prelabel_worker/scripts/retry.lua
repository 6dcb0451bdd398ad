-- Send held rows back to their lanes: dead letters by id, or healing rows, the next that are due first.
--
-- KEYS[1]  the project's root
-- ARGV     1 most healing rows to take (0: none), 2 `due` for those that are due, `all`, or of dead letters `new` for new
--          arrival numbers, else `old`, 3… ids of dead letters
-- returns  {letters sent back or superseded, skipped, rows of the first}
-- cost     O(letters)
local done, skipped, rows = 0, 0, 0
local ids = {}
if tonumber(ARGV[1]) > 0 then
  local until_when = ARGV[2] == 'all' and '+inf' or text(now)
  ids = redis.call('ZRANGEBYSCORE', root .. ':heal', '-inf', until_when, 'LIMIT', 0, ARGV[1])
end
for i = 3, #ARGV do
  if redis.call('ZSCORE', root .. ':dead', ARGV[i]) then ids[#ids + 1] = ARGV[i] else skipped = skipped + 1 end
end
for _, id in ipairs(ids) do
  local what, weight = requeue(id, ARGV[2] == 'new')
  if what == 'skipped' then skipped = skipped + 1 else done, rows = done + 1, rows + weight end
end
local nearest = redis.call('ZRANGE', root .. ':heal', 0, 0, 'WITHSCORES')
if nearest[2] then set_timer('heal', tonumber(nearest[2])) else redis.call('ZREM', root .. ':timers', 'heal') end
return {done, skipped, rows}
