-- Have the rows that wait now cut into chunks at once, without their linger time.
--
-- KEYS[1]  the project's root
-- returns  number of rows that wait
redis.call('HSET', root .. ':meta', 'flushedSeq', redis.call('HGET', root .. ':meta', 'seq') or 0)
wake('group', now)
return tonumber(redis.call('HGET', root .. ':inbox', 'rows') or 0)
