-- Let one worker fetch a project's ontology, unless another is fetching it or has just done so.
--
-- KEYS[1]  the project's root
-- ARGV     1 ms after which others no longer wait for this fetch, 2 minimum ms between two fetches
-- returns  Redis's time in ms, or 0 if no fetch may begin now
local fetched = tonumber(redis.call('HGET', root .. ':ontology', 'fetchedMs') or '') or 0
-- A time in the future is none that a worker wrote: it must not keep the ontology from being fetched.
if fetched <= now and now - fetched < tonumber(ARGV[2]) then return '0' end
if not redis.call('SET', root .. ':ontology:flight', 1, 'NX', 'PX', ARGV[1]) then return '0' end
return text(now)
