-- Begin to purge a project: mark the rows that have arrived until now. From then on workers upload nothing of the project
-- and cut no chunks; they still follow what was or may have been sent.
--
-- KEYS[1]  the project's root
-- ARGV     1 who purges it
-- returns  the last arrival number; 0 if no row has arrived yet
local seq = tonumber(redis.call('HGET', root .. ':meta', 'seq') or 0) or 0
if seq > 0 then
  redis.call('HSET', root .. ':meta', 'purgeSeq', text(seq), 'purgeBy', ARGV[1], 'purgeMs', text(now))
end
return text(seq)
