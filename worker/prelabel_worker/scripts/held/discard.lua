-- Discard dead letters. Only the count of their rows stays.
--
-- KEYS[1]  the project's root
-- ARGV     ids of dead letters
-- returns  {dead letters discarded, ids skipped, rows of the dead letters discarded}
-- cost     O(dead letters)
local done, skipped, rows = 0, 0, 0
for _, id in ipairs(ARGV) do
  local weight = discard(id)
  if weight then done, rows = done + 1, rows + weight else skipped = skipped + 1 end
end
write_flow()
return {done, skipped, rows}
