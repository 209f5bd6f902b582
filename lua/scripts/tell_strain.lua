-- tell_strain: counts how the redeems of an event went lately, each in the store's present second.
--
-- KEYS   1 strain
-- ARGV   1 how many were decided or failed  2 how many of them failed: no answer, or nobody knows  3 how many took too long
-- Effect the last 16 seconds that had any are kept, each as `second all failed late`; all are forgotten after a minute without.
-- Result {'told'}
assert(#KEYS == 1 and #ARGV == 3, 'tell_strain: a key and 3 numbers')
local second = math.floor(now_us() / 1000000)
local slot = second % 16
local at, all, failed, late = string.match(redis.call('HGET', KEYS[1], slot) or '', '^(%d+) (%d+) (%d+) (%d+)$')
if tonumber(at) ~= second then
  all, failed, late = 0, 0, 0
end
redis.call('HSET', KEYS[1], slot, string.format('%d %d %d %d', second, all + ARGV[1], failed + ARGV[2], late + ARGV[3]))
redis.call('EXPIRE', KEYS[1], 60)
return { 'told' }
