-- Which projects should be looked at now. Each is answered to one caller and moved on, never removed.
--
-- KEYS[1]  the sorted set of projects
-- ARGV     1 most projects, 2 ms after which it is looked at anyway, should the caller die, 3 ms after which a name
--          that cannot be a project's is looked at again
-- returns  {ms to the next one (-1: none), names put off, the beginning of one of them,
--          project, its new score, the score it had, project, …}; longest due first
-- cost     O(projects answered + names put off); of these at most 10 for each project that may be answered
local most, put_off_most = tonumber(ARGV[1]), 10 * tonumber(ARGV[1])
local later = text(now + tonumber(ARGV[3]))
local answer, found, put_off = {-1, 0, ''}, 0, 0
while found < most and put_off < put_off_most do
  local due = redis.call('ZRANGEBYSCORE', root, '-inf', text(now), 'WITHSCORES', 'LIMIT', 0, most - found)
  for i = 1, #due, 2 do
    -- PROJECT_ID and MAX_PROJECT_ID of prelabel/messages.py. Anybody who can publish can write any name.
    if #due[i] <= 64 and string.match(due[i], '^[A-Za-z0-9_-]+$') then
      local score = text(now + tonumber(ARGV[2]))
      redis.call('ZADD', root, score, due[i])
      answer[#answer + 1] = due[i]
      answer[#answer + 1] = score
      answer[#answer + 1] = due[i + 1]
      found = found + 1
    else
      redis.call('ZADD', root, later, due[i])
      put_off = put_off + 1
      answer[2], answer[3] = put_off, string.sub(due[i], 1, 65)
    end
  end
  if #due == 0 then break end
end
local nearest = redis.call('ZRANGE', root, 0, 0, 'WITHSCORES')
if nearest[2] then answer[1] = math.max(0, tonumber(nearest[2]) - now) end
return answer
