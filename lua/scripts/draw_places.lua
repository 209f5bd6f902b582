-- draw_places: gives a piece of the drawn order its seqs.
--
-- KEYS   1 draw  2 places  3 event  4 counts  5 outbox
-- ARGV   1 first: the first place's seq, the others follow it  2… place ids in drawn order
-- Effect places that have not been drawn yet get their seq; those who left meanwhile, and those drawn before, stay as they are.
--        `line.entered` records tell of the new seqs.
-- Result {'drawn'} · {'none'}: nothing is to be drawn (any more)
assert(#KEYS == 5 and #ARGV >= 2, 'draw_places: 5 keys, a seq and a place')
local state, after = unpack(redis.call('HMGET', KEYS[1], 'state', 'after'))
if state ~= 'going' then
  return { 'none' }
end
local first, last_undrawn = tonumber(ARGV[1]), tonumber(after)
local keys = { counts = KEYS[4], outbox = KEYS[5] }
local epoch, now_ms = redis.call('HGET', KEYS[3], 'epoch'), to_ms(now_us())
local drawn, run, run_first = {}, {}, first

-- Tells of places with seqs that follow each other.
local function tell()
  if #run > 0 then
    append_record(keys, now_ms, epoch, 'entered', 'first', run_first, 'places', table.concat(run, ','))
  end
end

for i, seq in ipairs(redis.call('ZMSCORE', KEYS[2], unpack(ARGV, 2))) do
  if seq and tonumber(seq) <= last_undrawn then
    drawn[#drawn + 1], drawn[#drawn + 2] = string.format('%d', first + i - 1), ARGV[i + 1]
    run[#run + 1] = ARGV[i + 1]
  else
    tell()
    run, run_first = {}, first + i
  end
end
tell()
bulk('ZADD', KEYS[2], drawn)
return { 'drawn' }
