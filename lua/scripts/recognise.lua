-- recognise: writes down that this is the Redis that the installation works on, everything being as it should be.
--
-- KEYS   1 installation  2 the lease of the recovery
-- ARGV   1 owner of the lease  2 run_id  3 lineage  4 incarnation
-- Effect scripts of this incarnation may be loaded from now on; the lease is given back.
-- Result {'recognised'} · {'not-ours'}: the lease is somebody else's, or this is another Redis than the one that was looked at
assert(#KEYS == 2 and #ARGV == 4, 'recognise: 2 keys and 4 arguments')
local owner, run_id, lineage, incarnation = unpack(ARGV)
local answers = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
if redis.call('GET', KEYS[2]) ~= owner or answers ~= run_id then
  return { 'not-ours' }
end
redis.call('HSET', KEYS[1], 'run_id', run_id, 'lineage', lineage, 'incarnation', incarnation)
redis.call('DEL', KEYS[2])
return { 'recognised' }
