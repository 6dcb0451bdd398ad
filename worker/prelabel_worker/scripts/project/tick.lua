-- Return the timers of a project that are due, as stages to run. Each timer is set a lease ahead, so it is returned
-- again if the hint is lost.
--
-- KEYS[1]  the project's root
-- ARGV     1 maximum timers to return, not counting polls, 2 maximum polls, which share one hint, 3 lease in ms,
--          4… stages that the caller runs; timers of other stages stay due for other workers
-- returns  {ms until the next timer is due (-1: none), stage, chunk id, stage, chunk id, …}; the id is '' for group,
--          retry and expire
-- cost     O(timers due), at most 1,100 of them
local room, wanted = {other = tonumber(ARGV[1]), poll = tonumber(ARGV[2])}, {}
for i = 4, #ARGV do wanted[ARGV[i]] = true end
local known = {group = true, retry = true, expire = true, submit = true, poll = true, settle = true}
local answer = {-1}
-- A project has a timer for each open chunk, at most 1,024, and three of its own. If there are more, something else
-- wrote them; the rest waits for the next tick.
for _, name in ipairs(redis.call('ZRANGEBYSCORE', root .. ':timers', '-inf', text(now), 'LIMIT', 0, 1100)) do
  if room.other <= 0 and room.poll <= 0 then break end
  local id = #name <= 256 and string.match(name, '^chunk:([!-~]+)$')
  local stage = name
  if id then
    local chunk = redis.call('HMGET', chunk_key(id), 'state', 'verdict')
    stage = chunk[1] and (chunk[1] ~= 'running' and 'submit' or (chunk[2] or '') ~= '' and 'settle' or 'poll')
  end
  local kind = stage == 'poll' and 'poll' or 'other'
  if stage and wanted[stage] and room[kind] > 0 then
    room[kind] = room[kind] - 1
    set_timer(name, now + tonumber(ARGV[3]))
    answer[#answer + 1] = stage
    answer[#answer + 1] = id or ''
  elseif not stage then
    redis.call('ZREM', root .. ':timers', name)
  elseif not known[stage] then
    -- A newer release, or something else, wrote this timer. If it stayed due, every tick would look at the project.
    set_timer(name, newer_at())
  end
end
local nearest = redis.call('ZRANGE', root .. ':timers', 0, 0, 'WITHSCORES')
if nearest[2] then answer[1] = math.max(0, tonumber(nearest[2]) - now) end
return answer
