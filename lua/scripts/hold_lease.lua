-- hold_lease: takes a lease that is free, or renews it for its holder.
--
-- KEYS   1 lease
-- ARGV   1 owner  2 ttl_ms
-- Result {'held'} · {'taken'}: by somebody else
assert(#KEYS == 1 and #ARGV == 2, 'hold_lease: 1 key and 2 arguments')
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return { 'held' }
elseif holder then
  return { 'taken' }
end
-- First a write that needs no memory: after that a full Redis lets the script go on, and whoever holds the lease of the relay is
-- who makes room in it.
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return { 'held' }
