-- set_admission: sets any part of the pace of an event.
--
-- KEYS   1 event  2 counts  3 stock  4 seq  5 moves  6 pace  7 outbox  8 audit
-- ARGV   1 by  2 rate  3 capacity  4 ticket_ttl_s; '' leaves one as it is
--        5 ramp_s: over how many seconds the rate goes to the new one; '' and 0 for at once
-- Effect what came into the bucket so far came at the old rate. A ramp begins at the rate in force now, but for the brake; one
--        that runs ends where it is when a rate is set. The change leaves an audit entry, an `event.changed` record and a
--        move; the same again changes nothing.
-- Result {'no-such-event'} or {'set', fields…} in the order of `shown` in part "event"
assert(#KEYS == 8 and #ARGV == 5, 'set_admission: 8 keys and 5 arguments')
local keys = {
  event = KEYS[1], counts = KEYS[2], stock = KEYS[3], seq = KEYS[4], moves = KEYS[5], pace = KEYS[6], outbox = KEYS[7],
  audit = KEYS[8],
}
local by, rate, capacity, ticket_ttl_s, ramp_s = unpack(ARGV)
local now = now_us()
local event = read_event(keys)
if not event then
  return { 'no-such-event' }
end
end_ramp(event, now)
local ramp = event.ramp
if rate == '' then
  rate = event.rate
else
  local from, since_ms = unbraked_at(event, now), to_ms(now)
  local lasts_ms = (tonumber(ramp_s) or 0) * 1000
  ramp = ''
  if lasts_ms > 0 and from ~= tonumber(rate) then
    ramp = string.format('%s %d %d', plain(from), since_ms, since_ms + lasts_ms)
  end
end
capacity = capacity ~= '' and capacity or event.capacity
ticket_ttl_s = ticket_ttl_s ~= '' and ticket_ttl_s or event.ticket_ttl_s
if event.rate ~= rate or event.ramp ~= ramp or event.capacity ~= capacity or event.ticket_ttl_s ~= ticket_ttl_s then
  local before = pace_json(event)
  if ADMITS[event.phase] then
    settle(keys.pace, tokens_at(keys.pace, event, now), now)
  end
  event.rate, event.ramp, event.capacity, event.ticket_ttl_s = rate, ramp, capacity, ticket_ttl_s
  write_event(keys, event, now, by, 'admission', before, pace_json(event))
end
return { 'set', unpack(shown(event, now)) }
