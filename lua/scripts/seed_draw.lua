-- seed_draw: fixes the seed of a draw; the first one given stays, whoever asks.
--
-- KEYS   1 draw  2 event  3 counts  4 outbox
-- ARGV   1 seed  2 origin: where it comes from
-- Effect a `draw.seeded` record tells of it before anybody is drawn: whoever loses this store goes on with the same seed.
-- Result {'none'}: nothing is to be drawn · {'draw', after, people, seed, origin}: those with a seq up to `after` get the
--        `people` seqs behind it
assert(#KEYS == 4 and #ARGV == 2, 'seed_draw: 4 keys, a seed and its origin')
if redis.call('HGET', KEYS[1], 'state') ~= 'going' then
  return { 'none' }
end
if redis.call('HSETNX', KEYS[1], 'seed', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], 'origin', ARGV[2])
  append_record({ counts = KEYS[3], outbox = KEYS[4] }, to_ms(now_us()), redis.call('HGET', KEYS[2], 'epoch'), 'draw',
    'step', 'seeded', 'seed', ARGV[1], 'origin', ARGV[2])
end
local after, people, seed, origin = unpack(redis.call('HMGET', KEYS[1], 'after', 'people', 'seed', 'origin'))
return { 'draw', after, people, seed, origin }
