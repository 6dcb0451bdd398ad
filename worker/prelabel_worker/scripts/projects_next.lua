-- When to look at projects again, unless somebody has asked for them in the meantime.
--
-- KEYS[1]  the sorted set of projects
-- ARGV     project, the score projects_due.lua gave it, ms from now; repeated
for i = 1, #ARGV, 3 do
  if tonumber(redis.call('ZSCORE', root, ARGV[i])) == tonumber(ARGV[i + 1]) then
    redis.call('ZADD', root, text(now + tonumber(ARGV[i + 2])), ARGV[i])
  end
end
return 1
