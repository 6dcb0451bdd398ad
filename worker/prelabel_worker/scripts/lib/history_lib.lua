-- The history: records of settled chunks, kept for a limited time and up to a limited number of bytes per project.
-- Placed after lib.lua in the scripts that need it.

local function forget_history(member)
  local id, bytes = string.match(member, '^(%S+) (%d+)$')
  redis.call('DEL', root .. ':history:' .. id)
  redis.call('ZREM', root .. ':history', member)
  redis.call('HDEL', root .. ':undone', id)
  return redis.call('HINCRBY', root .. ':meta', 'historyBytes', -tonumber(bytes))
end

local function remember(id, record, keep_ms, most_bytes)
  if keep_ms <= 0 or #record == 0 then return end
  redis.call('SET', root .. ':history:' .. id, record, 'PX', keep_ms)
  redis.call('ZADD', root .. ':history', text(now), id .. ' ' .. #record)
  local bytes = redis.call('HINCRBY', root .. ':meta', 'historyBytes', #record)
  -- At most eight of each kind, to bound the work. A call adds only one record, so the history still shrinks.
  local old = redis.call('ZRANGEBYSCORE', root .. ':history', '-inf', text(now - keep_ms), 'LIMIT', 0, 8)
  for _, member in ipairs(old) do bytes = forget_history(member) end
  for _ = 1, 8 do
    if bytes <= most_bytes then return end
    bytes = forget_history(redis.call('ZRANGE', root .. ':history', 0, 0)[1])
  end
end
