-- event: reads an event as it stands. Reads only.
--
-- KEYS   1 event  2 stock
-- ARGV   none
-- Result {'no-such-event'} or {'event', fields…} in the order of `shown` in part "event"
assert(#KEYS == 2 and #ARGV == 0, 'event: 2 keys')
local event = read_event({ event = KEYS[1], stock = KEYS[2] })
if not event then
  return { 'no-such-event' }
end
return { 'event', unpack(shown(event, now_us())) }
