-- The cached ontology of a project. Placed after lib.lua in the scripts that need it.

-- Return Redis's clock, by which the ontology's age is counted on every host, in ms, and the fields `normalized`,
-- `mediaType`, `fetchedMs`, `retriedMs` and `refreshMs`; a missing one is false.
local function cached_ontology()
  local names = {'normalized', 'mediaType', 'fetchedMs', 'retriedMs', 'refreshMs'}
  return {text(now), unpack(redis.call('HMGET', root .. ':ontology', unpack(names)))}
end
