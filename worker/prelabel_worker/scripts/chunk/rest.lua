-- Leave a chunk in its state after a defect, and look at it again later. Its lease is not ended: if a file was being
-- sent, the next worker counts the server's limit from the end of that lease.
--
-- KEYS[1]  the project's root
-- ARGV     1 chunk id, 2 token, 3 ms until the next look, 4 the defect, 5 1 if the chunk is stuck now, else 0
-- returns  the time in ms at which to look again, or 0 if the token is not the holder's
local id = ARGV[1]
if not holds(id, ARGV[2]) then return 0 end
local key = chunk_key(id)
local due = math.max(now + tonumber(ARGV[3]), tonumber(redis.call('HGET', key, 'lease')))
redis.call('HSET', key, 'due', text(due), 'defect', ARGV[4])
redis.call('HINCRBY', key, 'failures', 1)
redis.call('HINCRBY', key, 'defects', 1)
if ARGV[5] == '1' then mark_stuck(key) end
set_timer('chunk:' .. id, due)
return text(due)
