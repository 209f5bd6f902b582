-- end_draw: the drawn order is in force.
--
-- KEYS   1 counts  2 places  3 seq  4 moves  5 pace  6 audit  7 draw  8 withdrawn
-- ARGV   1 digest of the drawn order
-- Effect admission goes on from an empty bucket; the seed, its origin and the digest are in the audit; the moves skip an ordinal,
--        which makes every mirror load the line again.
-- Result {'ended'} · {'unfinished'}: somebody is not drawn yet · {'none'}: nothing is to be drawn (any more)
assert(#KEYS == 8 and #ARGV == 1, 'end_draw: 8 keys and a digest')
local keys = {
  counts = KEYS[1], places = KEYS[2], seq = KEYS[3], moves = KEYS[4], pace = KEYS[5], audit = KEYS[6], draw = KEYS[7],
  withdrawn = KEYS[8],
}
local state, after, people, seed, origin = unpack(redis.call('HMGET', keys.draw, 'state', 'after', 'people', 'seed', 'origin'))
if state ~= 'going' then
  return { 'none' }
elseif redis.call('ZCOUNT', keys.places, '-inf', after) > 0 then
  return { 'unfinished' }
end
local now = now_us()
redis.call('HSET', keys.draw, 'state', 'done', 'digest', ARGV[1])
redis.call('UNLINK', keys.withdrawn)
redis.call('HDEL', keys.pace, 'near', 'near_ms', 'judged')
settle(keys.pace, 0, now)
redis.call('XADD', keys.audit, '*', 'by', 'draw', 'action', 'draw', 'from', 'null', 'to',
  cjson.encode({ seed = seed, origin = origin, people = tonumber(people), digest = ARGV[1] }))
redis.call('HINCRBY', keys.counts, 'moves', 1)
append_move(keys, to_ms(now), 'event')
return { 'ended' }
