-- leave: gives up a waiting place, or a ticket not yet redeemed.
--
-- KEYS   1 event  2 counts  3 places  4 seq  5 admitted  6 tickets  7 gone  8 issued  9 outstanding  10 unminted  11 moves
--        12 passed  13 grace  14 seen  15 draw  16 withdrawn  17 outbox  18 users
-- ARGV   1 place id  2 most records that may wait in the outbox
-- Effect the place is gone (left), its room in `capacity` is free, a move and a `line.gone` record tell of it, the record only
--        while there is room for it: nobody is kept in line by a log that is away. Anything else stays as it is. Who leaves
--        while the lobby is drawn stays on the list of the draw, so that it ends as it would have.
-- Result {'no-such-event'} or {'answer', state}: the state afterwards, as part "places" tells it
assert(#KEYS == 18 and #ARGV == 2, 'leave: 18 keys, a place and a bound')
local keys = {
  counts = KEYS[2], places = KEYS[3], seq = KEYS[4], admitted = KEYS[5], tickets = KEYS[6], gone = KEYS[7],
  issued = KEYS[8], outstanding = KEYS[9], unminted = KEYS[10], moves = KEYS[11],
  passed = KEYS[12], grace = KEYS[13], seen = KEYS[14], draw = KEYS[15], withdrawn = KEYS[16], outbox = KEYS[17], users = KEYS[18],
}
local place = ARGV[1]
local places = { place }
local phase, ended, epoch = unpack(redis.call('HMGET', KEYS[1], 'phase', 'ended', 'epoch'))
if not phase then
  return { 'no-such-event' }
end
local state = states_of(keys, places, holders_of(keys, places), phase, ended)[1]
if state[1] == 'waiting' then
  redis.call('ZREM', keys.places, place)
  forget_presence(keys, places)
  if redis.call('HGET', keys.draw, 'state') == 'going' then
    redis.call('ZADD', keys.withdrawn, 'NX', state[2], place)
  end
elseif state[1] == 'admitted' then
  redis.call('HDEL', keys.admitted, place)
  redis.call('HDEL', keys.tickets, place)
  redis.call('ZREM', keys.outstanding, place)
  redis.call('ZREM', keys.unminted, place)
else
  return { 'answer', state }
end
redis.call('HSET', keys.gone, place, 'left')
redis.call('HINCRBY', keys.counts, 'left', 1)
local now_ms = to_ms(now_us())
if not is_full(keys, ARGV[2]) then
  append_record(keys, now_ms, epoch, 'gone', 'reason', 'left', 'places', place)
end
append_move(keys, now_ms, 'gone', 'reason', 'left', 'seqs', state[2])
return { 'answer', { 'gone', 'left' } }
