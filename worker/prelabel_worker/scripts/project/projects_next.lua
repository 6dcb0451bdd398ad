-- Set when to look at projects again, unless somebody has changed their score since projects_claim.lua.
--
-- KEYS[1]  the sorted set of projects
-- ARGV     for each project three values: its name, the score that projects_claim.lua gave it, ms from now
-- returns  1
for i = 1, #ARGV, 3 do
  if tonumber(redis.call('ZSCORE', root, ARGV[i])) == tonumber(ARGV[i + 1]) then
    redis.call('ZADD', root, text(now + tonumber(ARGV[i + 2])), ARGV[i])
  end
end
return 1
