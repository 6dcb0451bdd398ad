-- Return which of these rows were imported within the time for which rows are remembered.
--
-- KEYS[1]  the project's root
-- ARGV     1 ms for which a row is remembered, 2… digests: signed 64-bit integers as text, at most some hundred
-- returns  {index of each digest that is remembered, counted from 0}
local imported = {}
for i = 2, #ARGV do
  if was_imported(ARGV[i], tonumber(ARGV[1])) then imported[#imported + 1] = i - 2 end
end
return imported
