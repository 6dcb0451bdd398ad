-- Take up a chunk that is due and free: from here on only the holder of this token may change it.
--
-- KEYS[1]  the project's root
-- ARGV     1 chunk id, 2 token (random), 3 lease in ms, 4 the server's limit in ms,
--          5 what for: `submit` (any state but running) or `follow` (running), 6 newest version this worker knows
-- returns  {'gone'} | {'newer', the time in ms at which to look again} it is for a worker that knows its version
--          | {'other'} the hint is stale | {'paused', ms} the project's uploads are | {'held', ms} | {'early', ms}
--          | {'taken', ms now, fields and values of the chunk…}
local key = chunk_key(ARGV[1])
local chunk = redis.call('HMGET', key, 'state', 'lease', 'due', 'v')
if not chunk[1] then
  redis.call('ZREM', root .. ':timers', 'chunk:' .. ARGV[1])
  return {'gone'}
end
-- Chunks without a version were cut before they had one, and are of the first.
if tonumber(chunk[4] or 1) > tonumber(ARGV[6]) then
  local at = math.max(newer_at(), tonumber(chunk[2]))
  set_timer('chunk:' .. ARGV[1], at)
  return {'newer', text(at)}
end
if (chunk[1] == 'running') ~= (ARGV[5] == 'follow') then return {'other'} end
local lease, due = tonumber(chunk[2]), tonumber(chunk[3])
if lease > now then return {'held', text(lease - now)} end
if due > now then return {'early', text(due - now)} end
if ARGV[5] == 'submit' then
  local paused = tonumber(redis.call('HGET', root .. ':meta', 'pausedUntil') or 0)
  if paused > now then
    set_timer('chunk:' .. ARGV[1], paused)
    return {'paused', text(paused - now)}
  end
end

-- The old holder may have sent the file until its lease ended, and the server may still be working on it.
if chunk[1] == 'submitting' then
  redis.call('HSET', key, 'state', 'uncertain', 'maybeUntil', text(lease + tonumber(ARGV[4])))
end
redis.call('HSET', key, 'token', ARGV[2], 'lease', text(now + tonumber(ARGV[3])))
set_timer('chunk:' .. ARGV[1], now + tonumber(ARGV[3]))
local answer = {'taken', text(now)}
for _, value in ipairs(redis.call('HGETALL', key)) do answer[#answer + 1] = value end
answer[#answer + 1] = 'policy'
answer[#answer + 1] = redis.call('HGET', root .. ':overrides', 'policy') or ''
-- An import is followed with the account it was sent with, and as what; before that, the project's settings count.
if chunk[1] == 'open' or chunk[1] == 'waiting' then
  local set = redis.call('HMGET', root .. ':overrides', 'account', 'submitAs')
  for i, name in ipairs({'account', 'submitAs'}) do
    answer[#answer + 1] = name
    answer[#answer + 1] = set[i] or ''
  end
  if version_of(set[2], tonumber(chunk[4] or 1)) > tonumber(chunk[4] or 1) then
    redis.call('HSET', key, 'v', version_of(set[2], 1))
  end
end
return answer
