-- Cache the ontology that Labelbox answered, and end the fetch.
--
-- KEYS[1]  the project's root
-- ARGV     1 when the fetch began, in ms: a later change may not be in the answer; 2 the ontology, 3 the media type,
--          4 the project's name
-- returns  {Redis's time in ms, by which the ontology's age is counted on every host, `retriedMs`, `refreshMs`}
redis.call('HSET', root .. ':ontology', 'fetchedMs', ARGV[1], 'normalized', ARGV[2], 'mediaType', ARGV[3],
  'name', ARGV[4])
redis.call('DEL', root .. ':ontology:flight')
return {text(now), unpack(redis.call('HMGET', root .. ':ontology', 'retriedMs', 'refreshMs'))}
