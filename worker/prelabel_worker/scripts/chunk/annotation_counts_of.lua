-- Return the packed annotation counts of imported rows (see annotation_counts_lib.lua).
--
-- KEYS[1]  the project's root
-- ARGV     1 ms for which a row is remembered, 2… digests of 8 bytes, at most some hundred
-- returns  for each digest its packed counts, or '' if the row is not remembered
local keep_ms, counts = tonumber(ARGV[1]), {}
for i = 2, #ARGV do
  local generation = generation_of(keep_ms)
  counts[i - 1] = find_counts(generation, ARGV[i]) or find_counts(generation - 1, ARGV[i]) or ''
end
return counts
