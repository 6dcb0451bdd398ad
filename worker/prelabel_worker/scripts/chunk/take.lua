-- Take the lease of a chunk that is due and that nobody holds. Then only the holder of this token may change the chunk.
--
-- KEYS[1]  the project's root
-- ARGV     1 chunk id, 2 token (random), 3 lease in ms, 4 the server's limit in ms,
--          5 purpose: `submit` (any state except running), `follow` (running) or `purge` (nothing was sent, due or not),
--          6 newest version known here
-- returns  {'gone'} | {'newer', the time in ms at which to look again} (this worker does not know its version)
--          | {'other'} (the state does not fit the purpose: the hint is stale) | {'paused', ms until uploads resume}
--          | {'held', ms until the lease ends} | {'early', ms until it is due} | {'taken', Redis's time in ms, {fields
--          and values of the chunk…}}
local key = chunk_key(ARGV[1])
local chunk = redis.call('HMGET', key, 'state', 'lease', 'due', 'v')
if not chunk[1] then
  redis.call('ZREM', root .. ':timers', 'chunk:' .. ARGV[1])
  return {'gone'}
end
-- A chunk without a version was cut by a release that did not write versions; it has version 1.
if tonumber(chunk[4] or 1) > tonumber(ARGV[6]) then
  local at = math.max(newer_at(), tonumber(chunk[2]))
  set_timer('chunk:' .. ARGV[1], at)
  return {'newer', text(at)}
end
local meta = redis.call('HMGET', root .. ':meta', 'pausedUntil', 'purgeSeq')
local purging, unsent = meta[2], chunk[1] == 'open' or chunk[1] == 'waiting'
if (chunk[1] == 'running') ~= (ARGV[5] == 'follow') then return {'other'} end
if ARGV[5] == 'purge' and not (purging and unsent) then return {'other'} end
local lease, due = tonumber(chunk[2]), tonumber(chunk[3])
if lease > now then return {'held', text(lease - now)} end
if due > now and ARGV[5] ~= 'purge' then return {'early', text(due - now)} end
if ARGV[5] == 'submit' then
  local paused = tonumber(meta[1] or 0)
  -- A purge takes what was not sent. What may have been sent is looked up, even while the project is paused.
  if purging then paused = unsent and now + PURGE_LOOK_MS or 0 end
  if paused > now then
    set_timer('chunk:' .. ARGV[1], paused)
    return {'paused', text(paused - now)}
  end
end

-- The previous holder may have sent the file at any time until its lease ended, and the server may still work on it.
if chunk[1] == 'submitting' then
  redis.call('HSET', key, 'state', 'uncertain', 'maybeUntil', text(lease + tonumber(ARGV[4])))
end
redis.call('HSET', key, 'token', ARGV[2], 'lease', text(now + tonumber(ARGV[3])))
set_timer('chunk:' .. ARGV[1], now + tonumber(ARGV[3]))
local fields, submit_as = fields_of(key, unsent, purging)
local version = tonumber(chunk[4] or 1)
if unsent and version_of(submit_as, version) > version then redis.call('HSET', key, 'v', version_of(submit_as, 1)) end
return {'taken', text(now), fields}
