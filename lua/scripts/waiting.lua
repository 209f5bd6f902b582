-- waiting: a piece of the line, for loading a mirror of it. Reads only.
--
-- KEYS   1 event  2 places  3 passed
-- ARGV   1 after: a seq  2 limit
-- Result {'waiting', next, runs, passed}: of the people with a seq above `after`, ascending, those in line as the first and the
--        last seq of each run that has no gap, and the seqs of those who were passed over, who may be among the former as well;
--        `next` is where to read on, '' at the end. Nobody waits in a line that ended.
assert(#KEYS == 3 and #ARGV == 2, 'waiting: 3 keys, a seq and a limit')
local places, after, limit = KEYS[2], ARGV[1], tonumber(ARGV[2])
if redis.call('HGET', KEYS[1], 'ended') ~= '' then
  return { 'waiting', '', {}, {} }
end
-- So few people are listed; of more it is asked whether there is a gap among them.
local FEW = 64

-- The seq of whoever has this rank in a key, or nil.
local function seq_at(key, rank)
  return tonumber(redis.call('ZRANGE', key, rank, rank, 'WITHSCORES')[2])
end

-- Of a key's people with a seq above `after`: how many are in this piece, the first and the last of them, and the seq up to which
-- nobody is missing.
local function piece(key)
  local before = redis.call('ZCOUNT', key, '-inf', after)
  local count = redis.call('ZCARD', key) - before
  if count == 0 then
    return 0, nil, nil, math.huge
  end
  local here = math.min(count, limit)
  local last = seq_at(key, before + here - 1)
  return here, seq_at(key, before), last, here < count and last or math.huge
end

local runs, passed = {}, {}
local function add(first, last)
  if runs[#runs] == first - 1 then
    runs[#runs] = last
  else
    runs[#runs + 1], runs[#runs + 2] = first, last
  end
end

-- Adds those of the line from `first` to `last`, who are `count`: a run without a gap is found without looking at anybody in it.
local function walk(first, last, count)
  if count == 0 then
    return
  elseif count == last - first + 1 then
    add(first, last)
  elseif count <= FEW then
    local held = redis.call('ZRANGE', places, first, last, 'BYSCORE', 'WITHSCORES')
    for i = 2, #held, 2 do
      add(tonumber(held[i]), tonumber(held[i]))
    end
  else
    local middle = math.floor((first + last) / 2)
    local lower = redis.call('ZCOUNT', places, first, middle)
    walk(first, middle, lower)
    walk(middle + 1, last, count - lower)
  end
end

local count, first, last, line_end = piece(places)
local over, over_first, over_last, over_end = piece(KEYS[3])
local whole = math.min(line_end, over_end)
if count > 0 and last > whole then
  last = whole
  count = redis.call('ZCOUNT', places, first, last)
end
if count > 0 then
  walk(first, last, count)
end
if over > 0 then
  local held = redis.call('ZRANGE', KEYS[3], over_first, math.min(over_last, whole), 'BYSCORE', 'WITHSCORES')
  for i = 2, #held, 2 do
    passed[#passed + 1] = tonumber(held[i])
  end
end
return { 'waiting', whole < math.huge and whole or '', runs, passed }
