-- Change a project's overrides of the settings, and wake its group stage, which then uses them.
--
-- KEYS[1]  the project's root
-- ARGV     names and values (see prelabel_worker/operations/overrides.py); an empty value removes the override
-- returns  1
for i = 1, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', root .. ':overrides', ARGV[i])
  else
    redis.call('HSET', root .. ':overrides', ARGV[i], ARGV[i + 1])
  end
end
wake('group', now)
return 1
