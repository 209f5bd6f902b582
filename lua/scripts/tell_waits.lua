-- tell_waits: counts people who got their ticket and had been shown a time left before.
--
-- KEYS   1 event  2 counts
-- ARGV   1 how many  2 how many of them waited as long as they were told at first
-- Effect both are added to what was told before; of an event that is not there nothing is kept.
-- Result {'told'} or {'no-such-event'}
assert(#KEYS == 2 and #ARGV == 2, 'tell_waits: 2 keys and 2 numbers')
if redis.call('EXISTS', KEYS[1]) == 0 then
  return { 'no-such-event' }
end
redis.call('HINCRBY', KEYS[2], 'waits', ARGV[1])
redis.call('HINCRBY', KEYS[2], 'waits_in_range', ARGV[2])
return { 'told' }
