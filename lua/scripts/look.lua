-- look: tells what has become of places. Reads only.
--
-- KEYS   1 event  2 places  3 admitted  4 tickets  5 gone  6 issued  7 passed  8 users
-- ARGV   one or more place ids
-- Result {'no-such-event'} or {'answers', state…}, one per place id, as part "places" tells it
assert(#KEYS == 8 and #ARGV >= 1, 'look: 8 keys and a place')
local phase, ended = unpack(redis.call('HMGET', KEYS[1], 'phase', 'ended'))
if not phase then
  return { 'no-such-event' }
end
local keys = {
  places = KEYS[2], admitted = KEYS[3], tickets = KEYS[4], gone = KEYS[5], issued = KEYS[6], passed = KEYS[7],
  users = KEYS[8],
}
return { 'answers', unpack(states_of(keys, ARGV, holders_of(keys, ARGV), phase, ended)) }
