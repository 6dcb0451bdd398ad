-- Count requests that were sent to Labelbox since the last call of this process.
--
-- KEYS[1]  the account
-- ARGV     series and number, in turns: see accounts/request_counts.py; some tens
-- returns  1
-- cost     O(series)
-- With this write, which changes nothing, a Redis without memory refuses the call before anything is counted: the caller
-- keeps its numbers and repeats it.
redis.call('HINCRBY', root .. ':flow:total', ARGV[1], 0)
for i = 1, #ARGV, 2 do observe(ARGV[i], tonumber(ARGV[i + 1])) end
write_flow()
return 1
