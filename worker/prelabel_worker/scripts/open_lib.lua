-- How many chunks a project may have open: `openMost` in its meta, from 1 to what the settings allow, where it begins.
-- One more with each quick import, half as many with trouble: a storm has many failures and is one trouble.
local ONE_TROUBLE_MS = 5000
local QUIET_MS = 10000 -- after trouble, before it grows again
local SLOW_MS, SLOW_FACTOR = 30000, 3 -- an import is slow that takes longer than 30 s and three times the usual

local function open_fewer()
  local meta = redis.call('HMGET', root .. ':meta', 'openMost', 'openFewerMs')
  local most = tonumber(meta[1])
  if not most or now - tonumber(meta[2] or 0) < ONE_TROUBLE_MS then return most or 0 end
  most = math.max(1, math.floor(most / 2))
  redis.call('HSET', root .. ':meta', 'openMost', most, 'openFewerMs', text(now))
  return most
end

-- An import has ended: was it quick, as this project's go?
local function import_took(ms)
  local meta = redis.call('HMGET', root .. ':meta', 'importMs', 'openMost', 'openFewerMs')
  local usual = tonumber(meta[1]) or ms
  redis.call('HSET', root .. ':meta', 'importMs', text(usual + (ms - usual) / 4))
  if ms > SLOW_MS + SLOW_FACTOR * usual then
    open_fewer()
  elseif meta[2] and now - tonumber(meta[3] or 0) > QUIET_MS then
    redis.call('HINCRBY', root .. ':meta', 'openMost', 1) -- group.lua keeps it within the settings
  end
end
