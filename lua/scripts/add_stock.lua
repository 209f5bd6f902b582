-- add_stock: adds coupons to an event.
--
-- KEYS   1 event  2 counts  3 stock  4 seq  5 moves  6 outbox  7 audit
-- ARGV   1 by  2 how many  3 the most that an event may hold
-- Effect total and remaining stock rise, with an audit entry, an `event.changed` record and a move.
-- Result {'no-such-event'} · {'too-much'} · {'given-codes'}: its stock is the codes of its book · {'added', total, remaining}
assert(#KEYS == 7 and #ARGV == 3, 'add_stock: 7 keys and 3 arguments')
local keys = {
  event = KEYS[1], counts = KEYS[2], stock = KEYS[3], seq = KEYS[4], moves = KEYS[5], outbox = KEYS[6], audit = KEYS[7],
}
local by, add, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local event = read_event(keys)
if not event then
  return { 'no-such-event' }
elseif event.given == '1' then
  return { 'given-codes' }
elseif event.total + add > most then
  return { 'too-much' }
end
raise_stock(keys, event, add, now_us(), by)
return { 'added', tonumber(event.total), event.remaining }
