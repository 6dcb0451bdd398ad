-- Move a held chunk to a state, with what belongs to it. `submitting` keeps the lease; every other state gives the
-- chunk back, to be looked at again when it is due.
--
-- KEYS[1]  the project's root
-- ARGV     1 chunk id, 2 token, 3 state, 4 due in ms from now (`submitting`: the rows of the file), 5 hinted: ms to the
--          timer when the caller sends the hint itself (else 0: the timer is the due time), 6 the server's limit in ms
--          when a file may have been sent just now (else 0), 7… fields and values. `sent` is kept under a key of its
--          own, being large and read by settle alone. `stuckMs` is 1 or 0: whether a defect stops the chunk.
-- returns  the time in ms at which somebody must look, or 0 when the token is not the holder's, or Redis has lost what
--          was sent or set aside
local id, token, state = ARGV[1], ARGV[2], ARGV[3]
if not holds(id, token) then return 0 end
local key = chunk_key(id)
-- A Redis that was restarted may have lost what was to be sent, and not the token: an import that runs without it could
-- never be settled. The chunk stays as it is: built anew it has the same name, and is found by it.
if state == 'running' and redis.call('EXISTS', key .. ':sent') == 0 then return 0 end
-- Nor may it have lost that other rows were set aside: they would end without an outcome.
if state == 'submitting' then
  local rows = redis.call('HMGET', key, 'rows', 'aside')
  if tonumber(rows[1]) - tonumber(rows[2]) ~= tonumber(ARGV[4]) then return 0 end
end
for i = 7, #ARGV, 2 do
  if ARGV[i] == 'sent' then
    redis.call('SET', key .. ':sent', ARGV[i + 1])
  elseif ARGV[i] == 'stuckMs' then
    if ARGV[i + 1] == '1' then mark_stuck(key) else redis.call('HDEL', key, 'stuckMs') end
  else
    redis.call('HSET', key, ARGV[i], ARGV[i + 1])
    if ARGV[i] == 'verdict' and ARGV[i + 1] == 'FINISHED' then
      import_took(now - tonumber(redis.call('HGET', key, 'runningMs') or now))
    end
  end
end
redis.call('HSET', key, 'state', state)
if tonumber(ARGV[6]) > 0 then redis.call('HSET', key, 'maybeUntil', text(now + tonumber(ARGV[6]))) end
if state == 'running' and redis.call('HSETNX', key, 'runningMs', text(now)) == 1 then
  redis.call('HDEL', chunk_key(redis.call('HGET', key, 'origin') or id) .. ':refusals', 'upload')
end
if state == 'submitting' then
  redis.call('HINCRBY', key, 'attempt', 1)
  return redis.call('HGET', key, 'lease')
end
local due, hinted = now + tonumber(ARGV[4]), tonumber(ARGV[5])
local look = hinted > 0 and now + hinted or due
redis.call('HSET', key, 'due', text(due), 'lease', 0, 'token', '')
set_timer('chunk:' .. id, look)
return text(look)
