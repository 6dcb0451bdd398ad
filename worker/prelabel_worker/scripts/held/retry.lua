-- Send held rows back to their lanes: dead letters by id, or retrying rows. Of these either those that are due, the next
-- first; or all, the last first, so that one that comes back meanwhile takes nobody's turn.
--
-- KEYS[1]  the project's root
-- ARGV     1 most retrying rows to take (0: none), 2 `due` for those that are due, `all`, or of dead letters `new` for new
--          arrival numbers, else `old`, 3… ids of dead letters
-- returns  {dead letters sent back or superseded, skipped, rows of the first}
-- cost     O(dead letters * log(held rows))
local done, skipped, rows = 0, 0, 0
local ids = {}
if tonumber(ARGV[1]) > 0 then
  if ARGV[2] == 'all' then
    ids = redis.call('ZREVRANGE', root .. ':retrying', 0, ARGV[1] - 1)
  else
    ids = redis.call('ZRANGEBYSCORE', root .. ':retrying', '-inf', text(now), 'LIMIT', 0, ARGV[1])
  end
end
for i = 3, #ARGV do
  if redis.call('ZSCORE', root .. ':dead', ARGV[i]) then ids[#ids + 1] = ARGV[i] else skipped = skipped + 1 end
end
for _, id in ipairs(ids) do
  local what, weight = requeue(id, ARGV[2] == 'new')
  if what == 'skipped' then skipped = skipped + 1 else done, rows = done + 1, rows + weight end
end
sweep_queued()
local nearest = redis.call('ZRANGE', root .. ':retrying', 0, 0, 'WITHSCORES')
if nearest[2] then set_timer('retry', tonumber(nearest[2])) else redis.call('ZREM', root .. ':timers', 'retry') end
return {done, skipped, rows}
