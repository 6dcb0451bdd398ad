-- Read a project's cached ontology, and Redis's clock, by which its age is counted on every host.
--
-- KEYS[1]  the project's root
-- returns  {now in ms, the fields `normalized`, `mediaType`, `fetchedMs`, `retriedMs`, `refreshMs`; a missing one is
--          false}
local fields = redis.call('HMGET', root .. ':ontology', 'normalized', 'mediaType', 'fetchedMs', 'retriedMs', 'refreshMs')
return {text(now), unpack(fields)}
