-- The frames of a project whose rows all have their outcomes.
-- Placed after lib.lua in the scripts that need it.

-- Delete the frames of which no row is left. `taken` has the number of rows of each that were in this chunk.
local function free_frames(frames, taken)
  if #frames == 0 then return end
  local freed, seen = {}, {}
  for i, left in ipairs(redis.call('HMGET', root .. ':left', unpack(frames))) do
    local fid = frames[i]
    if tonumber(left or 0) <= taken[fid] then
      freed[#freed + 1] = fid
      seen[#seen + 1] = text(now)
      seen[#seen + 1] = fid
    else
      redis.call('HINCRBY', root .. ':left', fid, -taken[fid])
    end
  end
  if #freed == 0 then return end
  redis.call('HDEL', root .. ':left', unpack(freed))
  redis.call('HDEL', root .. ':frames', unpack(freed))
  redis.call('ZADD', root .. ':seen', unpack(seen))
end
