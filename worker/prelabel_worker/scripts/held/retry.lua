-- Send held rows back to their lanes: retrying rows by their due time, or dead letters by id.
--
-- KEYS[1]  the project's root
-- ARGV     1 maximum retrying rows to take (0: none), 2 for retrying rows: `due` takes those that are due, earliest
--          first; `all` takes any, latest first, since a row that was just tried and held again is due early. For dead
--          letters: `new` gives them new arrival numbers, `old` does not, 3… ids of dead letters
-- returns  {held rows sent back or superseded, ids skipped, rows that the first count stands for}
-- cost     O(dead letters * log(held rows))
if ARGV[2] == 'due' and redis.call('HEXISTS', root .. ':meta', 'purgeSeq') == 1 then
  set_timer('retry', now + PURGE_LOOK_MS) -- the purge discards retrying rows where they are
  return {0, 0, 0}
end
local done, skipped, rows = 0, 0, 0
local ids = {}
-- An operator retries after fixing a cause, which may be the ontology; a timer does not.
if ARGV[2] ~= 'due' then retried_by_operator() end
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
  local result, weight = requeue(id, ARGV[2] == 'new')
  if result == 'skipped' then skipped = skipped + 1 else done, rows = done + 1, rows + weight end
end
sweep_queued()
write_flow()
local nearest = redis.call('ZRANGE', root .. ':retrying', 0, 0, 'WITHSCORES')
if nearest[2] then set_timer('retry', tonumber(nearest[2])) else redis.call('ZREM', root .. ':timers', 'retry') end
return {done, skipped, rows}
