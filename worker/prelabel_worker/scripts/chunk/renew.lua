-- Extend the lease of a chunk that is still held with this token.
--
-- KEYS[1]  the project's root
-- ARGV     1 chunk id, 2 token, 3 lease in ms
-- returns  1, or 0 if another worker holds the chunk or it does not exist any more
if not holds(ARGV[1], ARGV[2]) then return 0 end
redis.call('HSET', chunk_key(ARGV[1]), 'lease', text(now + tonumber(ARGV[3])))
set_timer('chunk:' .. ARGV[1], now + tonumber(ARGV[3]))
return 1
