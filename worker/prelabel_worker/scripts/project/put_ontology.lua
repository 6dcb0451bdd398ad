-- Cache the ontology that Labelbox answered, end the fetch, and read it as cached_ontology.lua does.
--
-- KEYS[1]  the project's root
-- ARGV     1 when the fetch began, in ms: a later change may not be in the answer; 2 the ontology, 3 the media type,
--          4 the project's name
-- returns  what `cached_ontology` in ontology_lib.lua returns
redis.call('HSET', root .. ':ontology', 'fetchedMs', ARGV[1], 'normalized', ARGV[2], 'mediaType', ARGV[3],
  'name', ARGV[4])
redis.call('DEL', root .. ':ontology:flight')
return cached_ontology()
