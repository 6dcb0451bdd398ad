-- Return projects that are due. They stay due until the caller claims those that it looks at.
--
-- Anyone who may publish can write scores. So when more projects are due than fit, the answer begins at a random place:
-- a name that somebody keeps rewriting with score 0 gets no larger share. Each call also checks some names of the set,
-- in turn, for scores later than the worker ever writes, which would hide a project.
--
-- KEYS[1]  the sorted set of projects
-- ARGV     1 maximum projects, 2 ms until a name that cannot be a project's is looked at again, 3 latest allowed score,
--          in ms from now, 4 cursor of the check, at first 0
-- returns  {the time in ms, ms until a project is due that is not in this answer (-1: none), next cursor, number of
--          postponed names, the beginning of one of them, project, project, …}; most overdue first if all fit
-- cost     O(projects returned + names postponed); at most 10 names for each project that may be returned
local CHECKED = 40 -- names in a call: the check is for everybody's calls together
local most, put_off_most = tonumber(ARGV[1]), 10 * tonumber(ARGV[1])
local later = text(now + tonumber(ARGV[2]))

-- PROJECT_ID and MAX_PROJECT_ID of prelabel/ids.py. Anybody who can publish can write any name.
local function is_project(name)
  return #name <= 64 and string.match(name, '^[A-Za-z0-9_-]+$')
end

local checked = redis.call('ZSCAN', root, ARGV[4], 'COUNT', CHECKED)
for i = 1, #checked[2], 2 do
  local name, score = checked[2][i], tonumber(checked[2][i + 1]) or math.huge
  if score > now + tonumber(ARGV[3]) and is_project(name) then redis.call('ZADD', root, text(now), name) end
end

local answer, returned, put_off = {text(now), -1, checked[1], 0, ''}, 0, 0
local count_due = redis.call('ZCOUNT', root, '-inf', text(now))
local start = count_due > most and redis.call('TIME')[2] % count_due or 0
-- The projects that are due have the lowest ranks: from `start` to the last one, then from the first one to `start`.
-- By rank, since that costs the same at any place of the set. A name that is put off leaves these ranks.
local from, ends = start, count_due
while returned < most and put_off < put_off_most do
  local to = math.min(from + most - returned, ends) - 1
  if to < from then
    if start == 0 then break end
    from, ends, start = 0, start, 0
  else
    local due, malformed = redis.call('ZRANGE', root, text(from), text(to)), 0
    for _, name in ipairs(due) do
      if is_project(name) then
        answer[#answer + 1] = name
        returned = returned + 1
      else
        redis.call('ZADD', root, later, name)
        malformed = malformed + 1
        answer[5] = string.sub(name, 1, 65)
      end
    end
    put_off = put_off + malformed
    from, ends = from + #due - malformed, ends - malformed
  end
end
answer[4] = put_off
local nearest = redis.call('ZRANGE', root, count_due - put_off, count_due - put_off, 'WITHSCORES')
if returned < count_due - put_off then
  answer[2] = 0
elseif nearest[2] then
  answer[2] = math.max(0, tonumber(nearest[2]) - now)
end
return answer
