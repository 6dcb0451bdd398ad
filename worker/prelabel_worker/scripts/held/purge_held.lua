-- Discard held rows that a purge covers: retrying rows that wait for their next try, and dead letters. A row that is being
-- tried is in a lane or a chunk, where the purge finds it.
--
-- KEYS[1]  the project's root
-- ARGV     ids of held rows
-- returns  rows of the held rows discarded; -1 if no purge has begun, or somebody has ended it
-- cost     O(held rows)
local last, rows = tonumber(redis.call('HGET', root .. ':meta', 'purgeSeq') or ''), 0
if not last then return -1 end
for _, id in ipairs(ARGV) do
  local state = held_state(id)
  if state and not state.queued and state.seq <= last then
    unlist_dead(id, state)
    forget_held(id, state)
    count('discarded', state.weight)
    rows = rows + state.weight
  end
end
write_flow()
return rows
