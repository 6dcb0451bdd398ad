-- When to look at projects again, unless somebody has asked for them in the meantime.
--
-- KEYS[1]  the sorted set of projects
-- ARGV     project, the score projects_due.lua gave it, ms from now, or '' and the score it had, to keep its place
--          exactly: by a difference it would fall back at each tick by as long as the tick took; repeated
for i = 1, #ARGV, 4 do
  if tonumber(redis.call('ZSCORE', root, ARGV[i])) == tonumber(ARGV[i + 1]) then
    local wait = tonumber(ARGV[i + 2])
    redis.call('ZADD', root, wait and text(now + wait) or ARGV[i + 3], ARGV[i])
  end
end
return 1
