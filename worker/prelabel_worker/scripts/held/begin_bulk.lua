-- Begin a bulk action, unless one on the same dead letters is in progress; forget the oldest actions that have ended.
--
-- KEYS[1]  the bulk actions, see keys.bulk_actions
-- ARGV     1 id, 2 the action as JSON without its times, 3 ms after which an action without a sign of life counts as
--          interrupted, 4 maximum actions to keep, 5 maximum actions in progress
-- returns  {1, the action}; {0, the action in progress on the same dead letters}; {-1, ''} if too many are in progress
-- cost     O(actions kept)
local alive, ended = 0, {}
local new = cjson.decode(ARGV[2])
local entries = redis.call('HGETALL', KEYS[1])
for at = 1, #entries, 2 do
  if string.sub(entries[at], 1, 6) ~= 'abort:' then
    local action = cjson.decode(entries[at + 1])
    if action.state == 'running' and now - action.updatedMs < tonumber(ARGV[3]) then
      if action.scope == new.scope then return {0, entries[at + 1]} end
      alive = alive + 1
    else
      ended[#ended + 1] = {entries[at], action.startedMs}
    end
  end
end
if alive >= tonumber(ARGV[5]) then return {-1, ''} end
table.sort(ended, function(one, other) return one[2] < other[2] end)
for at = 1, #ended - (tonumber(ARGV[4]) - alive - 1) do
  redis.call('HDEL', KEYS[1], ended[at][1], 'abort:' .. ended[at][1])
end
new.startedMs, new.updatedMs = now, now
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(new))
return {1, cjson.encode(new)}
