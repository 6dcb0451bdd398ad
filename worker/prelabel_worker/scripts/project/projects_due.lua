-- Return the projects that are due. A project that is returned is rescheduled, so no other caller gets it now.
--
-- Anyone who may publish can write scores. So when more projects are due than fit, the answer begins at a random place:
-- a name that somebody keeps rewriting with score 0 gets no larger share. Each call also checks some names of the set,
-- in turn, for scores later than the worker ever writes, which would hide a project.
--
-- KEYS[1]  the sorted set of projects
-- ARGV     1 maximum projects, 2 ms until a project is due again if the caller dies, 3 ms until a name that cannot be a
--          project's is looked at again, 4 latest allowed score, in ms from now, 5 cursor of the check, at first 0
-- returns  {ms until the next project is due (-1: none), next cursor, number of postponed names, the beginning of one
--          of them, project, its new score, the score it had, project, …}; most overdue first if all fit
-- cost     O(projects returned + names postponed); at most 10 names for each project that may be returned
local most, put_off_most = tonumber(ARGV[1]), 10 * tonumber(ARGV[1])
local later = text(now + tonumber(ARGV[3]))

-- PROJECT_ID and MAX_PROJECT_ID of prelabel/messages.py. Anybody who can publish can write any name.
local function is_project(name)
  return #name <= 64 and string.match(name, '^[A-Za-z0-9_-]+$')
end

local checked = redis.call('ZSCAN', root, ARGV[5], 'COUNT', most)
for i = 1, #checked[2], 2 do
  local name, score = checked[2][i], tonumber(checked[2][i + 1]) or math.huge
  if score > now + tonumber(ARGV[4]) and is_project(name) then redis.call('ZADD', root, text(now), name) end
end

local answer, returned, put_off = {-1, checked[1], 0, ''}, 0, 0
local count_due = redis.call('ZCOUNT', root, '-inf', text(now))
local from = count_due > most and redis.call('TIME')[2] % count_due or 0
while returned < most and put_off < put_off_most do
  -- By rank, since that costs the same at any place of the set. The projects that are due have the lowest ranks.
  local to = math.min(from + most - returned, count_due) - 1
  local due = to >= from and redis.call('ZRANGE', root, text(from), text(to), 'WITHSCORES') or {}
  for i = 1, #due, 2 do
    if is_project(due[i]) then
      local score = text(now + tonumber(ARGV[2]))
      redis.call('ZADD', root, score, due[i])
      answer[#answer + 1] = due[i]
      answer[#answer + 1] = score
      answer[#answer + 1] = due[i + 1]
      returned = returned + 1
    else
      redis.call('ZADD', root, later, due[i])
      put_off = put_off + 1
      answer[3], answer[4] = put_off, string.sub(due[i], 1, 65)
    end
  end
  count_due = count_due - #due / 2
  if count_due == 0 then break end
  from = 0
end
local nearest = redis.call('ZRANGE', root, 0, 0, 'WITHSCORES')
if nearest[2] then answer[1] = math.max(0, tonumber(nearest[2]) - now) end
return answer
