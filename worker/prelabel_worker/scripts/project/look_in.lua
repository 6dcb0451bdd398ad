-- Have the ticks look at a project no later than in some ms.
--
-- KEYS[1]  the sorted set of projects
-- ARGV     1 project, 2 ms
-- returns  1
redis.call('ZADD', root, 'LT', text(now + tonumber(ARGV[2])), ARGV[1])
return 1
