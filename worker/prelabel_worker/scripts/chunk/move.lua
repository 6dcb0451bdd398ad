-- Move a chunk to another state, and set fields of it. In `submitting` the caller keeps the lease; with every other
-- state it gives the chunk back, to be looked at again when it is due, unless it says that it keeps the lease.
--
-- KEYS[1]  the project's root
-- ARGV     1 chunk id, 2 token, 3 state, 4 due in ms from now (for `submitting`: the number of rows in the file),
--          5 ms until the chunk's timer if the caller sends the hint itself, else 0: then the timer is the due time;
--          -1 if the caller keeps the lease, with the chunk's timer at its end,
--          6 the server's limit in ms if a file may have been sent just now, else 0,
--          7… fields and values. `sent` has a key of its own, since it is large and only settle reads it. `stuckMs` is
--          1 or 0: whether a defect stops the chunk.
-- returns  the time in ms at which to look again, or 0 if the token is not the holder's or Redis has lost the list of
--          sent lines or of rows set aside
local id, token, state = ARGV[1], ARGV[2], ARGV[3]
if not holds(id, token) then return 0 end
local key = chunk_key(id)
-- A Redis that was restarted may have lost the list of sent lines but not the token. Without the list, a running import
-- could never be settled. So the chunk keeps its state: when it is built again it has the same name, by which the
-- import is found.
if state == 'running' and redis.call('EXISTS', key .. ':sent') == 0 then return 0 end
-- Redis may also have lost which rows were set aside. Those rows would end without an outcome.
if state == 'submitting' then
  local rows = redis.call('HMGET', key, 'rows', 'aside')
  if tonumber(rows[1]) - tonumber(rows[2]) ~= tonumber(ARGV[4]) then return 0 end
end
local fields = {'state', state}
local function field(name, value) fields[#fields + 1], fields[#fields + 2] = name, value end
for i = 7, #ARGV, 2 do
  if ARGV[i] == 'sent' then
    redis.call('SET', key .. ':sent', ARGV[i + 1])
  elseif ARGV[i] == 'stuckMs' then
    if ARGV[i + 1] == '1' then mark_stuck(key) else redis.call('HDEL', key, 'stuckMs') end
  else
    field(ARGV[i], ARGV[i + 1])
    if ARGV[i] == 'verdict' and ARGV[i + 1] == 'FINISHED' then
      import_took(now - tonumber(redis.call('HGET', key, 'runningMs') or now))
    end
  end
end
if tonumber(ARGV[6]) > 0 then field('maybeUntil', text(now + tonumber(ARGV[6]))) end
if state == 'running' and redis.call('HSETNX', key, 'runningMs', text(now)) == 1 then
  redis.call('HDEL', chunk_key(redis.call('HGET', key, 'origin') or id) .. ':refusals', 'upload')
end
local due, hinted = now + tonumber(ARGV[4]), tonumber(ARGV[5])
if state == 'submitting' or hinted < 0 then
  redis.call('HSET', key, unpack(fields))
  if state == 'submitting' then redis.call('HINCRBY', key, 'attempt', 1) end
  return redis.call('HGET', key, 'lease')
end
local look_at = hinted > 0 and now + hinted or due
field('due', text(due))
field('lease', 0)
field('token', '')
redis.call('HSET', key, unpack(fields))
set_timer('chunk:' .. id, look_at)
return text(look_at)
