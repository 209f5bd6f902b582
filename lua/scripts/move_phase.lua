-- move_phase: moves an event along its life.
--
-- KEYS   1 event  2 counts  3 stock  4 places  5 seq  6 moves  7 pace  8 outbox  9 audit
--        10 passed  11 grace  12 seen  13 draw
-- ARGV   1 by  2 the phase to move to  3… the phases from which the life of an event has that move
-- Effect see `enter_phase` in part "event"; a move to the phase it is in changes nothing.
-- Result {'no-such-event'} · {'refused', the phase it is in} · {'set', fields…} in the order of `shown` in part "event"
assert(#KEYS == 13 and #ARGV >= 2, 'move_phase: 13 keys, an actor, a phase and those before it')
local keys = {
  event = KEYS[1], counts = KEYS[2], stock = KEYS[3], places = KEYS[4], seq = KEYS[5], moves = KEYS[6], pace = KEYS[7],
  outbox = KEYS[8], audit = KEYS[9], passed = KEYS[10], grace = KEYS[11], seen = KEYS[12], draw = KEYS[13],
}
local by, phase = ARGV[1], ARGV[2]
local now = now_us()
local event = read_event(keys)
if not event then
  return { 'no-such-event' }
end
if event.phase ~= phase then
  local allowed = false
  for i = 3, #ARGV do
    allowed = allowed or ARGV[i] == event.phase
  end
  if not allowed then
    return { 'refused', event.phase }
  end
  enter_phase(keys, event, now, phase, by)
  end_if_hopeless(keys, event, now)
end
return { 'set', unpack(shown(event, now)) }
