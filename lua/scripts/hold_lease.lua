-- hold_lease: takes a lease that is free, or renews it for its holder.
--
-- KEYS   1 lease
-- ARGV   1 owner  2 ttl_ms
-- Result {'held'} · {'taken'}: by somebody else
assert(#KEYS == 1 and #ARGV == 2, 'hold_lease: 1 key and 2 arguments')
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return { 'taken' }
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return { 'held' }
