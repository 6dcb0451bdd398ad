-- Forget that rows of an import that is being undone were imported, so that the policies `skip` and `dead-letter` let
-- them pass again.
--
-- KEYS[1]  the project's root
-- ARGV     1 chunk id, 2 ms for which imported rows are remembered, 3… digests: signed 64-bit integers as text, at most
--          some hundred
-- returns  1, or 0 if the undoing has not begun
local keep_ms = tonumber(ARGV[2])
if redis.call('HEXISTS', root .. ':undoing', ARGV[1]) == 0 then return 0 end
for i = 3, #ARGV do forget_imported(ARGV[i], keep_ms) end
return 1
