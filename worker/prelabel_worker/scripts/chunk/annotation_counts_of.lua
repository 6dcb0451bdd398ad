-- The annotation_counts of imported rows (see annotation_counts_lib.lua), as far as they are remembered.
--
-- KEYS[1]  the project's root
-- ARGV     1 ms that a row is remembered, 2… digests of 8 bytes, at most some hundred
-- returns  {counts, '' without one, …}
local keep_ms, found = tonumber(ARGV[1]), {}
for i = 2, #ARGV do
  local generation = generation_of(keep_ms)
  found[i - 1] = find_shape(generation, ARGV[i]) or find_shape(generation - 1, ARGV[i]) or ''
end
return found
