-- What of a project is due: each is answered once and then left alone for a lease, in case the hint is lost.
--
-- KEYS[1]  the project's root
-- ARGV     1 most names to answer, not counting polls, 2 most polls, which go together in one hint, 3 lease in ms,
--          4… stages; what is due of another is left for who takes it
-- returns  {ms to the next timer (-1: none), stage, chunk id, stage, chunk id, …}; group, retry and
--          expire have the id ''
-- cost     O(timers due), at most 1,100 of them
local room, wanted = {other = tonumber(ARGV[1]), poll = tonumber(ARGV[2])}, {}
for i = 4, #ARGV do wanted[ARGV[i]] = true end
local ours = {group = true, retry = true, expire = true, submit = true, poll = true, settle = true}
local answer = {-1}
-- A project has a timer for each open chunk, 1,024 at most, and three of its own: more at once are not ours, and wait
-- for the next tick.
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
  elseif not ours[stage] then
    -- A newer release's, or nobody's: left due, it would have the project looked at without a pause.
    set_timer(name, newer_at())
  end
end
local nearest = redis.call('ZRANGE', root .. ':timers', 0, 0, 'WITHSCORES')
if nearest[2] then answer[1] = math.max(0, tonumber(nearest[2]) - now) end
return answer
