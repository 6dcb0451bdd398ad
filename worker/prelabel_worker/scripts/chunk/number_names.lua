-- Small numbers for the features and models of a project, given once and for ever; the first 255 names have one.
--
-- KEYS[1]  the project's root
-- ARGV     names
-- returns  {number of each, 0 without one}
local key, found = root .. ':annotation_counts:names', {}
for i, name in ipairs(ARGV) do
  local number = tonumber(redis.call('HGET', key, name))
  if not number then
    number = redis.call('HLEN', key) + 1
    if number <= 255 then redis.call('HSET', key, name, number) else number = 0 end
  end
  found[i] = number
end
return found
