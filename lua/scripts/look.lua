-- look: tells what has become of places. Reads only.
--
-- KEYS   1 event  2 places  3 admitted  4 tickets  5 gone  6 issued  7 passed  8 users  9 counts
-- ARGV   one or more place ids
-- Result {'no-such-event'} or {'answers', moves, state…}: the last move of the line, and one state per place id, as part "places"
--        tells it
assert(#KEYS == 9 and #ARGV >= 1, 'look: 9 keys and a place')
local phase, ended = unpack(redis.call('HMGET', KEYS[1], 'phase', 'ended'))
if not phase then
  return { 'no-such-event' }
end
local keys = {
  places = KEYS[2], admitted = KEYS[3], tickets = KEYS[4], gone = KEYS[5], issued = KEYS[6], passed = KEYS[7],
  users = KEYS[8],
}
local moves = tonumber(redis.call('HGET', KEYS[9], 'moves') or '0')
return { 'answers', moves, unpack(states_of(keys, ARGV, holders_of(keys, ARGV), phase, ended)) }
