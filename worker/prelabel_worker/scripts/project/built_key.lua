-- Whether the server lets a script touch a key whose name it builds from its root key, as all others here do.
-- Changes nothing.
--
-- KEYS[1]  a root key; neither it nor the key that is built from it has to be there
-- returns  0, or 1 when the built key is there; an error where the server allows only keys that are in KEYS
-- costs    one look-up
return redis.call('EXISTS', chunk_key('none'))
