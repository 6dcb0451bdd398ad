-- Entries of a lane: where the next rows of it are. Placed after lib.lua in the scripts that need it.
local MAX_ENTRY_ROWS = 10000 -- of prelabel/wire/frame.py: a held row weighs no more than the frame it came from

-- A newer version may add fields behind these eight, and more rows: its entries are not this worker's to judge. Ends the
-- script where there is no entry, though the inbox counts rows, or one that neither publish.lua nor held_lib.lua wrote.
local function entry_of(lane, line, known_version)
  local kind, id, version, rows, bytes, slow, seq, arrived =
    string.match(line or '', '^(%a) (%S+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)')
  local entry = {kind = kind, id = id, version = tonumber(version), rows = tonumber(rows), bytes = tonumber(bytes),
    slow = tonumber(slow), seq = seq, arrived = tonumber(arrived)}
  if kind and entry.version > known_version then return entry end
  if (kind == 'f' or kind == 'h') and entry.rows >= 1 and entry.rows <= MAX_ENTRY_ROWS then return entry end
  differ('lane:' .. lane, 'an entry of 1 to ' .. MAX_ENTRY_ROWS .. ' rows')
end
