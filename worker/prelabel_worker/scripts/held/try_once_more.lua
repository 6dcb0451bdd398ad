-- Mark held rows that are being tried for one more try at once, should this one fail for a reason that passes with time.
--
-- KEYS[1]  the project's root
-- ARGV     ids of held rows
-- returns  how many of them are being tried
-- cost     O(ids)
local marked = 0
for _, id in ipairs(ARGV) do
  if try_once_more(id) then marked = marked + 1 end
end
return marked
