-- Store what was told, unless another process has taken the lease since.
--
-- KEYS[1]  the hash of notifications
-- ARGV     1 the caller's token, 2 the state as JSON, 3 1 to end the lease too, so that another process takes it at once
-- returns  1, or 0 if another process holds the lease
if redis.call('HGET', root, 'holder') ~= ARGV[1] then return 0 end
redis.call('HSET', root, 'state', ARGV[2])
if ARGV[3] == '1' then redis.call('HSET', root, 'untilMs', '0') end
return 1
