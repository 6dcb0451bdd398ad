-- Test whether the server lets a script use a key that is not in KEYS but built from a key in KEYS, as the other
-- scripts do. Changes nothing.
--
-- KEYS[1]  a root key; neither it nor the key built from it has to exist
-- returns  1 if the built key exists, else 0; an error if the server allows only the keys in KEYS
-- cost     one look-up
return redis.call('EXISTS', chunk_key('none'))
