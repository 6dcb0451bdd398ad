-- What the holder of a chunk is told about it. Placed after lib.lua in the scripts that need it.

-- Return the fields and values of a chunk, with those of the project that decide what is done with it. Before the upload,
-- the project's overrides decide about the account and the kind of import; after it, the chunk keeps the values that it
-- was uploaded with. The second result is the override for the kind of import, false if there is none.
local function fields_of(key, unsent, purging)
  local fields = redis.call('HGETALL', key)
  local set = redis.call('HMGET', root .. ':overrides', 'policy', 'account', 'submitAs')
  local function add(name, value) fields[#fields + 1], fields[#fields + 2] = name, value end
  add('policy', set[1] or '')
  add('purging', purging and '1' or '')
  if unsent then
    add('account', set[2] or '')
    add('submitAs', set[3] or '')
  end
  return fields, set[3]
end
