-- How many chunks a project may have open: `openMost` in its meta, from 1 to what the settings allow, where it begins.
-- One more with a quick import, half as many with trouble. Both by the clock: a storm of failures is one trouble, and a
-- project grows as fast as any other however many imports it has, so that those who share a budget become alike.
local ONE_TROUBLE_MS = 5000
local GROWTH_MS, QUIET_MS = 1000, 10000 -- between two growths, and after trouble
local SLOW_MS, SLOW_FACTOR = 30000, 3   -- an import is slow that takes 30 s more than three times the usual

local function open_fewer()
  local meta = redis.call('HMGET', root .. ':meta', 'openMost', 'openFewerMs')
  local most = tonumber(meta[1])
  if not most or now - tonumber(meta[2] or 0) < ONE_TROUBLE_MS then return most or 0 end
  most = math.max(1, math.floor(most / 2))
  redis.call('HSET', root .. ':meta', 'openMost', most, 'openFewerMs', text(now), 'openMoreMs', text(now + QUIET_MS))
  return most
end

-- An import has ended: was it quick, as this project's go?
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
