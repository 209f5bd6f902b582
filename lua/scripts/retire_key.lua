-- retire_key: sets the end of a key that signs no more, and takes it out of the published ones when that has come.
--
-- KEYS   1 keys  2 ends  3 retired
-- ARGV   1 kid  2 the end in ms: when its last ticket ends; the first one given stays
-- Effect a key whose end has come is no longer published; what it signed before can still be checked.
-- Result {'kept'} · {'retired'}
assert(#KEYS == 3 and #ARGV == 2, 'retire_key: 3 keys, a kid and a time')
local kid = ARGV[1]
redis.call('HSETNX', KEYS[2], kid, ARGV[2])
if to_ms(now_us()) < tonumber(redis.call('HGET', KEYS[2], kid)) then
  return { 'kept' }
end
local value = redis.call('HGET', KEYS[1], kid)
if value then
  redis.call('HSET', KEYS[3], kid, value)
  redis.call('HDEL', KEYS[1], kid)
end
return { 'retired' }
