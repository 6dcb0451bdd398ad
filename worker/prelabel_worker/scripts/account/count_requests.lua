-- Count requests that were sent to Labelbox since the last call of this process.
--
-- KEYS[1]  the account
-- ARGV     series and number, in turns: see accounts/request_counts.py; some tens
-- returns  1
-- cost     O(series)
for i = 1, #ARGV, 2 do observe(ARGV[i], tonumber(ARGV[i + 1])) end
write_flow()
return 1
