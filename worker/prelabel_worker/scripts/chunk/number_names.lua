-- Return small numbers for names of a project's features and models. A name that has no number gets the next one and
-- keeps it for ever. Only the first 255 names get a number.
--
-- KEYS[1]  the project's root
-- ARGV     names
-- returns  for each name its number, or 0 if it has none
local key, numbers = root .. ':annotation_counts:names', {}
for i, name in ipairs(ARGV) do
  local number = tonumber(redis.call('HGET', key, name))
  if not number then
    number = redis.call('HLEN', key) + 1
    if number <= 255 then redis.call('HSET', key, name, number) else number = 0 end
  end
  numbers[i] = number
end
return numbers
