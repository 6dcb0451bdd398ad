-- Set the state of an error group, unless somebody else has set it since the caller read it.
--
-- KEYS[1]  the states of groups, see keys.error_groups
-- ARGV     1 the group's fingerprint, 2 the state that the caller read (empty: none), 3 the new state (empty: none),
--          4 maximum groups that may have a state
-- returns  {1, new state}; {0, present state} if it is not the one that the caller read; {-1, ''} if too many groups have
--          a state
-- cost     O(1)
local present = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if present ~= ARGV[2] then return {0, present} end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
elseif present == '' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then
  return {-1, ''}
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return {1, ARGV[3]}
