-- Mark held rows that are being tried: if this try fails for a reason that may pass with time, they are tried once more
-- at once.
--
-- KEYS[1]  the project's root
-- ARGV     ids of held rows
-- returns  number of rows marked, which are those being tried
-- cost     O(ids)
local marked = 0
for _, id in ipairs(ARGV) do
  if try_once_more(id) then marked = marked + 1 end
end
return marked
