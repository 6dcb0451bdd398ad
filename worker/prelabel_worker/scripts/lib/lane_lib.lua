-- Reads the entries of a lane, each of which refers to a frame or to a held row. Placed after lib.lua in the scripts
-- that need it. The limit of prelabel/wire/frame.py. A held row stands for no more rows than the frame that it came
-- from.
local MAX_ENTRY_ROWS = 10000

-- Return the fields of an entry. Ends the script if the entry is missing although the inbox counts rows, or if neither
-- publish.lua nor held_lib.lua wrote it. An entry of a newer version is not checked, since it may have more fields
-- after these eight, and more rows.
local function entry_of(lane, line, known_version)
  local kind, id, version, rows, bytes, slow, seq, arrived =
    string.match(line or '', '^(%a) (%S+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)')
  local entry = {kind = kind, id = id, version = tonumber(version), rows = tonumber(rows), bytes = tonumber(bytes),
    slow = tonumber(slow), seq = seq, arrived = tonumber(arrived)}
  if kind and entry.version > known_version then return entry end
  if (kind == 'f' or kind == 'h') and entry.rows >= 1 and entry.rows <= MAX_ENTRY_ROWS then return entry end
  differ('lane:' .. lane, 'an entry of 1 to ' .. MAX_ENTRY_ROWS .. ' rows')
end
