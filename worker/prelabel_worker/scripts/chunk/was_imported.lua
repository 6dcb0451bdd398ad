-- Which of these rows were imported within the remembered time.
--
-- KEYS[1]  the project's root
-- ARGV     1 ms that a row is remembered, 2… digests: signed 64-bit integers as text, at most some hundred
-- returns  {place of a digest that is known, counted from 0, …}
local found = {}
for i = 2, #ARGV do
  if was_imported(ARGV[i], tonumber(ARGV[1])) then found[#found + 1] = i - 2 end
end
return found
