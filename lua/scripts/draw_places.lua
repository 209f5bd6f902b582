-- draw_places: gives a piece of the drawn order its seqs.
--
-- KEYS   1 draw  2 places  3 event  4 counts  5 outbox
-- ARGV   1 the place ids in drawn order, joined by commas  2… seq, place id: the same, each seq one above the one before
-- Effect places that have not been drawn yet get their seq; those who left meanwhile, and those drawn before, stay as they are.
--        `line.entered` records tell of the new seqs.
-- Result {'drawn'} · {'none'}: nothing is to be drawn (any more)
assert(#KEYS == 5 and #ARGV >= 3 and #ARGV % 2 == 1, 'draw_places: 5 keys, a list and pairs')
if redis.call('HGET', KEYS[1], 'state') ~= 'going' then
  return { 'none' }
end
local keys = { counts = KEYS[4], outbox = KEYS[5] }
local epoch, now_ms = redis.call('HGET', KEYS[3], 'epoch'), to_ms(now_us())

-- Tells of places with seqs that follow each other.
local function tell(first, places)
  append_record(keys, now_ms, epoch, 'entered', 'first', first, 'places', places)
end

-- Tells of those who have their seq now, where some of the piece are not in line, or stand behind those who are drawn.
local function tell_of_some()
  local names = {}
  for i = 3, #ARGV, 2 do
    names[#names + 1] = ARGV[i]
  end
  local run, first = {}, nil
  for n, seq in ipairs(redis.call('ZMSCORE', KEYS[2], unpack(names))) do
    if seq == ARGV[2 * n] then
      run[#run + 1], first = names[n], first or seq
    elseif first then
      tell(first, table.concat(run, ','))
      run, first = {}, nil
    end
  end
  if first then
    tell(first, table.concat(run, ','))
  end
end

-- A drawn seq is above every one of the lobby and below every one given since: GT leaves alone whoever entered again.
local drawn = redis.call('ZADD', KEYS[2], 'XX', 'GT', 'CH', unpack(ARGV, 2))
if drawn == (#ARGV - 1) / 2 then
  tell(ARGV[2], ARGV[1])
elseif drawn > 0 then
  tell_of_some()
end
return { 'drawn' }
