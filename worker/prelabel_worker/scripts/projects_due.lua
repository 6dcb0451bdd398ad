-- Which projects should be looked at now. Each is answered to one caller and moved on, never removed.
--
-- KEYS[1]  the sorted set of projects
-- ARGV     1 most projects, 2 ms after which it is looked at anyway, should the caller die
-- returns  {ms to the next one (-1: none), project, its new score, the score it had, project, …}; longest due first
local due = redis.call('ZRANGEBYSCORE', root, '-inf', text(now), 'WITHSCORES', 'LIMIT', 0, ARGV[1])
local answer = {-1}
for i = 1, #due, 2 do
  local score = text(now + tonumber(ARGV[2]))
  redis.call('ZADD', root, score, due[i])
  answer[#answer + 1] = due[i]
  answer[#answer + 1] = score
  answer[#answer + 1] = due[i + 1]
end
local nearest = redis.call('ZRANGE', root, 0, 0, 'WITHSCORES')
if nearest[2] then answer[1] = math.max(0, tonumber(nearest[2]) - now) end
return answer
