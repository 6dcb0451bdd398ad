-- Have an import polled in some ms.
--
-- KEYS[1]  the sorted set of polls
-- ARGV     1 member: project and chunk, 2 ms
-- returns  1
redis.call('ZADD', root, text(now + tonumber(ARGV[2])), ARGV[1])
return 1
