-- restore_event: puts an event back of which the ledger knows more than this Redis, behind the fence.
--
-- KEYS   1 the lease of the recovery  2 events
--        3 event  4 counts  5 stock  6 places  7 seq  8 moves  9 pace  10 outbox  11 audit  12 passed  13 grace  14 seen
--        15 draw  16 acked, then pairs: what was laid beside the event's keys, and the key whose place it takes
-- ARGV   1 owner of the lease  2 event id  3 epoch  4 seen: the last ordinal that the ledger knows of  5 gap
--        6 serial: the last one issued  7 last seq  8 admitted  9 no-shows  10 left  11… the event, as `given_event` reads it
-- Effect what was laid beside takes the place of what was held, and what has nothing beside it is gone. Ordinals go on `gap`
--        above the last that was seen, and waiters are told that those between never come. The epoch is new, the bucket is
--        empty, every mirror loads the line again, and an audit entry and an `event.changed` record tell of it.
-- Result {'restored'} · {'not-ours'}: the lease is somebody else's
assert(#KEYS >= 16 and #KEYS % 2 == 0 and #ARGV == 22, 'restore_event: 16 keys, pairs and 22 arguments')
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return { 'not-ours' }
end
local keys = {
  event = KEYS[3], counts = KEYS[4], stock = KEYS[5], places = KEYS[6], seq = KEYS[7], moves = KEYS[8], pace = KEYS[9],
  outbox = KEYS[10], audit = KEYS[11], passed = KEYS[12], grace = KEYS[13], seen = KEYS[14], draw = KEYS[15],
}
local acked, id, epoch = KEYS[16], ARGV[2], ARGV[3]
local seen, serial = tonumber(ARGV[4]), tonumber(ARGV[6])
local resumed = seen + ARGV[5]
local now = now_us()
local held, event = read_event(keys), given_event(11)
local moves = tonumber(redis.call('HGET', keys.counts, 'moves') or '0')

for i = 17, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    redis.call('RENAME', KEYS[i], KEYS[i + 1])
    redis.call('PERSIST', KEYS[i + 1])
  else
    redis.call('UNLINK', KEYS[i + 1])
  end
end

-- The moves that gateways have read are not known any more; there never were as many as milliseconds.
redis.call('HSET', keys.counts, 'records', resumed, 'moves', math.max(moves + 1, to_ms(now)), 'issued', serial,
  'admitted', ARGV[8], 'no_shows', ARGV[9], 'left', ARGV[10])
redis.call('HSET', acked, 'log', resumed, 'ledger', resumed, 'lost_after', seen, 'lost_to', resumed)
redis.call('XTRIM', keys.outbox, 'MINID', string.format('%d-0', seen + 1))
redis.call('SET', keys.seq, ARGV[7])
redis.call('SADD', KEYS[2], id)
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
