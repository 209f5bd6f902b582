-- waiting: a piece of the line, for loading a mirror of it. Reads only.
--
-- KEYS   1 event  2 places  3 passed
-- ARGV   1 after: a seq  2 limit
-- Result {'waiting', next, seqs, passed}: of the people waiting with a seq above `after`, ascending, those whose turn has not
--        come yet and those who were passed over; `next` is where to read on, '' at the end. Nobody waits in a line that ended.
assert(#KEYS == 3 and #ARGV == 2, 'waiting: 3 keys, a seq and a limit')
local after, limit = ARGV[1], tonumber(ARGV[2])
if redis.call('HGET', KEYS[1], 'ended') ~= '' then
  return { 'waiting', '', {}, {} }
end

-- The seqs of one key, and the last one up to which they are all there.
local function piece(key)
  local held = redis.call('ZRANGE', key, '(' .. after, '+inf', 'BYSCORE', 'LIMIT', 0, limit, 'WITHSCORES')
  local seqs = {}
  for i = 2, #held, 2 do
    seqs[#seqs + 1] = tonumber(held[i])
  end
  return seqs, #seqs == limit and seqs[limit] or math.huge
end

local in_line, line_end = piece(KEYS[2])
local passed, passed_end = piece(KEYS[3])
local last = math.min(line_end, passed_end)
local over, passed_here, waiting = {}, {}, {}
for _, seq in ipairs(passed) do
  over[seq] = true
  if seq <= last then
    passed_here[#passed_here + 1] = seq
  end
end
for _, seq in ipairs(in_line) do
  -- One who was passed over and came back is in both.
  if seq <= last and not over[seq] then
    waiting[#waiting + 1] = seq
  end
end
return { 'waiting', last < math.huge and last or '', waiting, passed_here }
