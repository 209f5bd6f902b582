-- restore_event: puts an event back of which the ledger knows more than this Redis, behind the fence.
--
-- KEYS   1 event  2 counts  3 stock  4 places  5 seq  6 moves  7 pace  8 outbox  9 audit  10 passed  11 grace  12 seen
--        13 draw  14 acked, then pairs: what was laid beside the event's keys, and the key whose place it takes
-- ARGV   1 epoch  2 seen: the last ordinal that the ledger knows of  3 gap
--        4 serial: the last one issued  5 last seq  6 admitted  7 no-shows  8 left  9… the event, as `given_event` reads it
-- Effect what was laid beside takes the place of what was held, and what has nothing beside it is gone. Ordinals go on `gap`
--        above the last that was seen, and waiters are told that those between never come. The epoch is new, the bucket is
--        empty, every mirror loads the line again, and an audit entry and an `event.changed` record tell of it.
-- Result {'restored'} · {'not-ours'}: somebody else has put it back since, in this epoch or a later one
assert(#KEYS >= 14 and #KEYS % 2 == 0 and #ARGV == 20, 'restore_event: 14 keys, pairs and 20 arguments')
local keys = {
  event = KEYS[1], counts = KEYS[2], stock = KEYS[3], places = KEYS[4], seq = KEYS[5], moves = KEYS[6], pace = KEYS[7],
  outbox = KEYS[8], audit = KEYS[9], passed = KEYS[10], grace = KEYS[11], seen = KEYS[12], draw = KEYS[13],
}
local acked, epoch = KEYS[14], ARGV[1]
if tonumber(redis.call('HGET', keys.event, 'epoch') or '0') >= tonumber(epoch) then
  return { 'not-ours' }
end
local seen, serial = tonumber(ARGV[2]), tonumber(ARGV[4])
local resumed = seen + ARGV[3]
local now = now_us()
local held, event = read_event(keys), given_event(9)
local moves = tonumber(redis.call('HGET', keys.counts, 'moves') or '0')

for i = 15, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    redis.call('RENAME', KEYS[i], KEYS[i + 1])
    redis.call('PERSIST', KEYS[i + 1])
  else
    redis.call('UNLINK', KEYS[i + 1])
  end
end

-- The moves that gateways have read are not known any more; there never were as many as milliseconds.
redis.call('HSET', keys.counts, 'records', resumed, 'moves', math.max(moves + 1, to_ms(now)), 'issued', serial,
  'admitted', ARGV[6], 'no_shows', ARGV[7], 'left', ARGV[8])
redis.call('HSET', acked, 'log', resumed, 'ledger', resumed, 'lost_after', seen, 'lost_to', resumed)
redis.call('XTRIM', keys.outbox, 'MINID', string.format('%d-0', seen + 1))
redis.call('SET', keys.seq, ARGV[5])
settle(keys.pace, 0, now)

event.remaining = event.total - serial
redis.call('SET', keys.stock, event.remaining)
if event.phase == 'closed' then
  event.ended = 'closed'
elseif event.phase == 'draining' and event.remaining == 0 and event.on_sold_out == 'close' then
  event.ended = 'sold-out'
end
-- Above every version that somebody may have read: a change leaves a record, so there are not more of them.
event.version = string.format('%d', math.max(seen, held and held.version or 0))
event.epoch = epoch
write_event(keys, event, now, 'recovery', 'recovered', held and event_json(held) or 'null', event_json(event))
end_if_hopeless(keys, event, now)
return { 'restored' }
