-- draw_places: gives a piece of the drawn order its seqs, in a line of its own beside the one that stands.
--
-- KEYS   1 draw  2 drawn  3 event  4 counts  5 outbox  6 withdrawn  7 draw list
-- ARGV   1 the place ids in drawn order, joined by commas  2… seq, place id: the same, each seq one above the one before
-- Effect the places stand in the drawn line, and on the list of the draw for good; `line.entered` records tell of the seqs of those
--        who did not leave meanwhile.
-- Result {'drawn'} · {'none'}: nothing is to be drawn (any more)
assert(#KEYS == 7 and #ARGV >= 3 and #ARGV % 2 == 1, 'draw_places: 7 keys, a list and pairs')
local state, carried = unpack(redis.call('HMGET', KEYS[1], 'state', 'carried'))
if state ~= 'going' or carried then
  return { 'none' }
end
local keys = { counts = KEYS[4], outbox = KEYS[5] }
local epoch, now_ms = redis.call('HGET', KEYS[3], 'epoch'), to_ms(now_us())

-- Tells of places with seqs that follow each other.
local function tell(first, places)
  append_record(keys, now_ms, epoch, 'entered', 'first', first, 'places', places)
end

-- Tells of those who did not leave.
local function tell_of_some()
  local names = {}
  for i = 3, #ARGV, 2 do
    names[#names + 1] = ARGV[i]
  end
  local run, first = {}, nil
  for n, left in ipairs(redis.call('ZMSCORE', KEYS[6], unpack(names))) do
    if not left then
      run[#run + 1], first = names[n], first or ARGV[2 * n]
    elseif first then
      tell(first, table.concat(run, ','))
      run, first = {}, nil
    end
  end
  if first then
    tell(first, table.concat(run, ','))
  end
end

if redis.call('ZADD', KEYS[2], unpack(ARGV, 2)) > 0 then
  redis.call('HSET', KEYS[7], ARGV[2], ARGV[1])
  if redis.call('EXISTS', KEYS[6]) == 0 then
    tell(ARGV[2], ARGV[1])
  else
    tell_of_some()
  end
end
return { 'drawn' }
