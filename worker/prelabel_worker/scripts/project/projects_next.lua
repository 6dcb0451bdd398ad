-- Set when to look at projects again, unless somebody has changed their score since projects_due.lua returned them.
--
-- KEYS[1]  the sorted set of projects
-- ARGV     for each project four values: its name, the score that projects_due.lua gave it, ms from now (or ''), and
--          the score it had before. With '' it gets that score again and so keeps its exact place; ms from now would
--          move it back by the duration of the tick.
-- returns  1
for i = 1, #ARGV, 4 do
  if tonumber(redis.call('ZSCORE', root, ARGV[i])) == tonumber(ARGV[i + 1]) then
    local wait = tonumber(ARGV[i + 2])
    redis.call('ZADD', root, wait and text(now + wait) or ARGV[i + 3], ARGV[i])
  end
end
return 1
