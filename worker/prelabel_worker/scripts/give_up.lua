-- Make dead letters of healing rows, the next that are due first.
--
-- KEYS[1]  the project's root
-- ARGV     1 most rows to take
-- returns  {letters, their rows}
-- cost     O(letters)
local ids = redis.call('ZRANGE', root .. ':heal', 0, ARGV[1] - 1)
local rows = 0
for _, id in ipairs(ids) do rows = rows + give_up(id) end
return {#ids, rows}
