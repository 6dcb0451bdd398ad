-- Count requests that were sent to Labelbox since the last call of this process.
--
-- KEYS[1]  the account
-- ARGV     series and number, in turns: see accounts/request_counts.py; some tens
-- returns  1
-- cost     O(series)
-- With this write, which changes nothing, a Redis without memory refuses the call before anything is counted: the caller
-- keeps its numbers and repeats it. A key that cannot be used is no reason to: it never can be.
local refused = redis.pcall('HINCRBY', root .. ':flow:total', ARGV[1], 0)
if type(refused) == 'table' and not (refused.err:find('WRONGTYPE') or refused.err:find('not an integer')) then
  return refused
end
for i = 1, #ARGV, 2 do observe(ARGV[i], tonumber(ARGV[i + 1])) end
write_flow()
return 1
