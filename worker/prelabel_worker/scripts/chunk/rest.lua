-- Leave a held chunk in its state until a time. Its lease runs out by itself: if a file was being sent, whoever takes
-- the chunk up next waits out the server's limit from that end on.
--
-- KEYS[1]  the project's root
-- ARGV     1 chunk id, 2 token, 3 ms, 4 what the defect was, 5 whether the chunk is stuck by now: 1 or 0
-- returns  the time in ms at which somebody must look, or 0 when the token is not the holder's
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
