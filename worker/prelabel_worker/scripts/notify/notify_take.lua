-- Take the lease of notifications, or extend it, and return what was told before.
--
-- KEYS[1]  the hash of notifications
-- ARGV     1 the caller's token, 2 lease in ms
-- returns  {ms now, state as JSON or ''}, or {} if another process holds the lease
local holder, until_ms = unpack(redis.call('HMGET', root, 'holder', 'untilMs'))
if holder and holder ~= ARGV[1] and (tonumber(until_ms) or 0) > now then return {} end
redis.call('HSET', root, 'holder', ARGV[1], 'untilMs', text(now + tonumber(ARGV[2])))
return {text(now), redis.call('HGET', root, 'state') or ''}
