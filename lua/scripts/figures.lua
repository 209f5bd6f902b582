-- figures: counts an event. Reads only.
--
-- KEYS   1 event  2 counts  3 stock  4 places  5 outstanding  6 acked  7 grace
-- ARGV   none
-- Result {'no-such-event'} or {'figures', waiting, admitted, outstanding, redeemed, no_shows, left, total, remaining,
--        outbox_lag, ledger_lag, waits, waits_in_range}; a line that ended has nobody waiting, a closed event nobody with a
--        live ticket
assert(#KEYS == 7 and #ARGV == 0, 'figures: 7 keys')
local phase, ended, total = unpack(redis.call('HMGET', KEYS[1], 'phase', 'ended', 'total'))
if not phase then
  return { 'no-such-event' }
end
local function number(held)
  return tonumber(held or '0')
end
local admitted, issued, no_shows, left, records, waits, in_range = unpack(
  redis.call('HMGET', KEYS[2], 'admitted', 'issued', 'no_shows', 'left', 'records', 'waits', 'waits_in_range'))
local log, ledger, lost_after, lost_to = unpack(redis.call('HMGET', KEYS[6], 'log', 'ledger', 'lost_after', 'lost_to'))
-- How many records are above a mark; ordinals that were lost with an earlier Redis are none.
local function above(mark)
  local lost = math.min(number(records), number(lost_to)) - math.max(mark, number(lost_after))
  return number(records) - mark - math.max(0, lost)
end
local waiting = ended == '' and redis.call('ZCARD', KEYS[4]) + redis.call('ZCARD', KEYS[7]) or 0
local outstanding = phase ~= 'closed' and redis.call('ZCARD', KEYS[5]) or 0
return {
  'figures', waiting, number(admitted), outstanding, number(issued), number(no_shows), number(left), number(total),
  number(redis.call('GET', KEYS[3])), above(math.max(number(log), number(ledger))), above(number(ledger)),
  number(waits), number(in_range),
}
