-- What must hold of a project after every single command; counted anew from the keys, by nobody's counters.
-- KEYS[1]  the project's root
-- returns  what does not hold, a line each
local root, found = KEYS[1], {}
local function same(what, counted, seen)
  counted, seen = tonumber(counted or 0), tonumber(seen)
  if counted ~= seen then found[#found + 1] = what .. ': counted ' .. counted .. ', found ' .. seen end
end
local function hash(key)
  local flat, fields = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end
local function must(holds, what) if not holds then found[#found + 1] = what end end
local function timer(name) return redis.call('ZSCORE', root .. ':timers', name) end

local counts, inbox = hash(root .. ':counts'), hash(root .. ':inbox')
local lanes = tonumber(redis.call('HGET', root .. ':meta', 'lanes') or 0)
local frames, returning, open, parts = {}, {}, {}, {}
local function refer(fid, low, high)
  frames[fid] = (frames[fid] or 0) + high - low
  parts[fid] = parts[fid] or {}
  for row = low, high - 1 do
    must(not parts[fid][row], 'row ' .. row .. ' of frame ' .. fid .. ' is in two places')
    parts[fid][row] = true
  end
end

local in_chunks, chunks = 0, redis.call('ZRANGE', root .. ':chunks', 0, -1)
for _, id in ipairs(chunks) do
  local chunk = redis.call('HMGET', root .. ':chunk:' .. id, 'rows', 'aside', 'settled', 'items', 'lanes', 'state')
  if not chunk[1] then
    found[#found + 1] = 'chunk ' .. id .. ' is listed and does not exist'
  else
    local pending = chunk[1] - chunk[2] - chunk[3]
    must(pending >= 0, 'chunk ' .. id .. ' has settled more rows than it has')
    in_chunks = in_chunks + pending
    must(timer('chunk:' .. id), 'chunk ' .. id .. ' (' .. chunk[6] .. ') has no timer: nobody will look at it')
    for lane in string.gmatch(chunk[5], '%d+') do open[lane] = (open[lane] or 0) + 1 end
    local rows = 0
    for kind, fid, low, high in string.gmatch(chunk[4], '(%a) (%S+) (%d+) (%d+) %d+') do
      if kind == 'f' then refer(fid, tonumber(low), tonumber(high)) else returning[fid] = true end
      rows = rows + high - low
    end
    same('rows of chunk ' .. id, chunk[1], rows)
  end
end

local waiting, free = 0, false
for lane = 0, lanes - 1 do
  local rows = 0
  for _, line in ipairs(redis.call('LRANGE', root .. ':lane:' .. lane, 0, -1)) do
    local kind, fid, n, last = string.match(line, '^(%a) (%S+) %d+ (%d+) %d+ %d+ %d+ %d+ ?(%d*)')
    local low = tonumber(last) or 0
    if kind == 'f' then refer(fid, low, low + n) else returning[fid] = true end
    rows = rows + n
  end
  same('rows of lane ' .. lane, inbox[lane .. ':rows'], rows)
  same('open chunks of lane ' .. lane, inbox[lane .. ':open'], open[tostring(lane)] or 0)
  waiting = waiting + rows
  free = free or (rows > 0 and not open[tostring(lane)])
end
same('rows that wait', inbox.rows, waiting)
-- With chunks open none is needed: the one that is settled next sets it.
if free and #chunks == 0 then must(timer('group'), 'rows wait in a free lane and no timer is set') end

local left, referred, stored = hash(root .. ':left'), 0, 0
for fid, rows in pairs(frames) do
  referred = referred + rows
  same('rows left of frame ' .. fid, left[fid], rows)
  must(redis.call('HEXISTS', root .. ':frames', fid) == 1, 'frame ' .. fid .. ' is needed and gone')
end
for _, rows in pairs(left) do stored = stored + rows end
same('rows left of all frames', stored, referred)
same('frames', redis.call('HLEN', root .. ':frames'), redis.call('HLEN', root .. ':left'))

local dead, retrying, held, queued = 0, 0, 0, 0
for id, text in pairs(hash(root .. ':held')) do
  local state = cjson.decode(text)
  held = held + 1
  if state.queued then
    must(returning[id], 'held row ' .. id .. ' is on its way and nowhere')
    queued = queued + 1
    local index = (state.since or 0) > 0 and ':retrying:queued' or ':dead:queued'
    must(redis.call('ZSCORE', root .. index, id), 'held row ' .. id .. ' is being tried and is not in ' .. index)
  elseif state.due then
    retrying = retrying + state.weight
    must(redis.call('ZSCORE', root .. ':retrying', id), 'held row ' .. id .. ' is retrying and is not listed')
  else
    dead = dead + state.weight
    must(redis.call('ZSCORE', root .. ':dead', id), 'dead_letter ' .. id .. ' is not listed')
  end
end
local listed = redis.call('ZCARD', root .. ':retrying:queued') + redis.call('ZCARD', root .. ':dead:queued')
same('held rows listed as being tried', listed, queued)
same('bodies of held rows', redis.call('HLEN', root .. ':held:body'), held)
if retrying > 0 then must(timer('retry'), 'rows are retrying and no timer is set') end
if dead > 0 then must(timer('expire'), 'dead_letters wait and no timer is set for their age') end
same('dead', counts.dead, dead)

local outcomes = 0
for _, name in ipairs({'imported', 'superseded', 'skipped', 'dead', 'discarded'}) do
  local rows = tonumber(counts[name] or 0)
  must(rows >= 0, name .. ' is below zero')
  outcomes = outcomes + rows
end
-- The numbers by time are flows: what left an outcome again is still in them.
local flow, died, timed = hash(root .. ':flow:total'), 0, 0
for series, rows in pairs(flow) do
  if string.sub(series, 1, 5) == 'dead:' then died = died + rows end
  if string.sub(series, 1, 6) == 'fresh:' and series ~= 'fresh:ms' then timed = timed + rows end
end
for _, name in ipairs({'superseded', 'skipped', 'discarded'}) do same(name .. ' by time', flow[name], counts[name] or 0) end
local undone = tonumber(redis.call('HGET', root .. ':meta', 'undoneRows') or 0)
same('imported by time', flow.imported, (counts.imported or 0) + undone)
same('imported by freshness', timed, flow.imported or 0)
must(died >= tonumber(counts.dead or 0), 'more rows are dead than died')
same('published', counts.published, outcomes + waiting + in_chunks + retrying)
return found
