-- Make dead letters of retrying rows, in the order in which they are due. Then mark the retrying rows that are being
-- tried: they become dead letters if the try fails.
--
-- KEYS[1]  the project's root
-- ARGV     1 maximum rows to take
-- returns  {new dead letters, their rows, rows marked}
-- cost     O(rows taken * log(held rows))
local most, rows = tonumber(ARGV[1]), 0
local ids = redis.call('ZRANGE', root .. ':retrying', 0, most - 1)
for _, id in ipairs(ids) do rows = rows + give_up(id) end
local queued = 0
if #ids < most then
  for _, id in ipairs(redis.call('ZRANGE', root .. RETRYING_QUEUED, 0, most - #ids - 1)) do
    queued = queued + give_up_queued(id)
  end
end
write_flow()
return {#ids, rows, queued}
