-- present: tells that people in line are there.
--
-- KEYS   1 event  2 places  3 passed  4 grace  5 seen
-- ARGV   one or more place ids
-- Effect those in line are seen now; who was passed over, and is seen within the grace, is in line again where they stood.
-- Result {'no-such-event'} or {'seen', how many}
assert(#KEYS == 5 and #ARGV >= 1, 'present: 5 keys and a place')
local places, passed, grace, seen = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
if redis.call('EXISTS', KEYS[1]) == 0 then
  return { 'no-such-event' }
end
local now_ms = to_ms(now_us())
local seqs = redis.call('ZMSCORE', places, unpack(ARGV))
local untils = redis.call('ZMSCORE', grace, unpack(ARGV))
local there = {}
for i, place in ipairs(ARGV) do
  local back = untils[i] and now_ms < tonumber(untils[i])
  if back then
    redis.call('ZADD', places, redis.call('ZSCORE', passed, place), place)
    redis.call('ZREM', grace, place)
  end
  if back or seqs[i] then
    there[#there + 1], there[#there + 2] = place, now_ms
  end
end
bulk('HSET', seen, there)
return { 'seen', #there / 2 }
