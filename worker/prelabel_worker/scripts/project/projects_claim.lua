-- Reschedule projects before they are looked at, so that other callers leave them alone meanwhile.
--
-- KEYS[1]  the sorted set of projects
-- ARGV     1 ms when they are due again if the caller dies, 2… projects
-- returns  1
for i = 2, #ARGV do redis.call('ZADD', root, ARGV[1], ARGV[i]) end
return 1
