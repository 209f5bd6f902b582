-- release_lease: gives a lease back, if it is the owner's.
--
-- KEYS   1 lease
-- ARGV   1 owner
-- Result {'released'} · {'not-ours'}
assert(#KEYS == 1 and #ARGV == 1, 'release_lease: 1 key and an owner')
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return { 'not-ours' }
end
redis.call('DEL', KEYS[1])
return { 'released' }
