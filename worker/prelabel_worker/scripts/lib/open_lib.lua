-- The number of chunks that a project may have open: `openMost` in its meta. It begins at the maximum of the settings,
-- grows by one after a quick import, and is halved after trouble, down to 1. Both changes are limited by time. So a
-- burst of failures counts once, and all projects grow at the same speed, no matter how many imports they have:
-- projects that share a budget come to have equal shares. Placed after lib.lua in the scripts that need it.
local ONE_TROUBLE_MS = 5000             -- failures within this time count once
local GROWTH_MS, QUIET_MS = 1000, 10000 -- minimum time before the next growth: after a growth, and after trouble
local SLOW_MS, SLOW_FACTOR = 30000, 3   -- an import is slow if it takes 30 s more than three times the usual time

local function open_fewer()
  local meta = redis.call('HMGET', root .. ':meta', 'openMost', 'openFewerMs')
  local most = tonumber(meta[1])
  if not most or now - tonumber(meta[2] or 0) < ONE_TROUBLE_MS then return most or 0 end
  most = math.max(1, math.floor(most / 2))
  redis.call('HSET', root .. ':meta', 'openMost', most, 'openFewerMs', text(now), 'openMoreMs', text(now + QUIET_MS))
  return most
end

-- Record the duration of a finished import. It is compared with the project's usual duration, a moving average.
local function import_took(ms)
  local meta = redis.call('HMGET', root .. ':meta', 'importMs', 'openMost', 'openBound', 'openMoreMs')
  local usual = tonumber(meta[1]) or ms
  redis.call('HSET', root .. ':meta', 'importMs', text(usual + (ms - usual) / 4))
  if ms > SLOW_MS + SLOW_FACTOR * usual then
    open_fewer()
  elseif tonumber(meta[2] or 0) < tonumber(meta[3] or 0) and tonumber(meta[4] or 0) <= now then
    redis.call('HSET', root .. ':meta', 'openMost', tonumber(meta[2]) + 1, 'openMoreMs', text(now + GROWTH_MS))
  end
end
