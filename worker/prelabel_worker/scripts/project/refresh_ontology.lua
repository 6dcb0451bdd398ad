-- Have a project's ontology fetched again before the next rows are checked. The cached one is kept for its media type.
--
-- KEYS[1]  the project's root
-- returns  the age of the cached ontology in ms, or -1 if none is cached
local fetched = tonumber(redis.call('HGET', root .. ':ontology', 'fetchedMs') or '')
redis.call('HSET', root .. ':ontology', 'refreshMs', text(now))
return text(fetched and math.max(0, now - fetched) or -1)
