-- end_draw: puts the drawn order in force, in a few short steps.
--
-- KEYS   1 counts  2 places  3 seq  4 moves  5 pace  6 audit  7 draw  8 withdrawn  9 drawn  10 event  11 outbox
-- ARGV   1 digest of the drawn order
-- Effect when everyone has their seq, the drawn line is closed to draw_places, those who came since are carried over to it, those
--        who left are taken out of it, and it takes the place of the line as it was. Admission goes on from an empty bucket; the
--        seed, its origin and the digest are in the audit; a `draw.ended` record tells of the digest; the moves skip an ordinal,
--        which makes every mirror load the line again.
-- Result {'ended'} · {'more'}: call again · {'unfinished'}: somebody is not drawn yet · {'none'}: nothing is to be drawn (any more)
assert(#KEYS == 11 and #ARGV == 1, 'end_draw: 11 keys and a digest')
local keys = {
  counts = KEYS[1], places = KEYS[2], seq = KEYS[3], moves = KEYS[4], pace = KEYS[5], audit = KEYS[6], draw = KEYS[7],
  withdrawn = KEYS[8], drawn = KEYS[9], event = KEYS[10], outbox = KEYS[11],
}
-- How many are carried over, or taken out, in one step.
local MOST = 1000

local state, after, people, seed, origin, carried =
  unpack(redis.call('HMGET', keys.draw, 'state', 'after', 'people', 'seed', 'origin', 'carried'))
if state ~= 'going' then
  return { 'none' }
elseif not carried then
  if redis.call('ZCARD', keys.drawn) < tonumber(people) then
    return { 'unfinished' }
  end
  carried = string.format('%d', after + people)
  redis.call('HSET', keys.draw, 'carried', carried)
end

local late = redis.call('ZRANGE', keys.places, '(' .. carried, '+inf', 'BYSCORE', 'LIMIT', 0, MOST, 'WITHSCORES')
if #late > 0 then
  local scored = {}
  for i = 1, #late, 2 do
    scored[i], scored[i + 1] = late[i + 1], late[i]
  end
  bulk('ZADD', keys.drawn, scored)
  redis.call('HSET', keys.draw, 'carried', late[#late])
  return { 'more' }
end

-- Whoever left is in line again where they entered again, or not at all.
local left = redis.call('ZRANGE', keys.withdrawn, 0, MOST - 1)
if #left > 0 then
  for i, seq in ipairs(redis.call('ZMSCORE', keys.places, unpack(left))) do
    if seq then
      redis.call('ZADD', keys.drawn, seq, left[i])
    else
      redis.call('ZREM', keys.drawn, left[i])
    end
  end
  redis.call('ZREM', keys.withdrawn, unpack(left))
  return { 'more' }
end

local now = now_us()
redis.call('UNLINK', keys.places)
if redis.call('EXISTS', keys.drawn) == 1 then
  redis.call('RENAME', keys.drawn, keys.places)
end
redis.call('HSET', keys.draw, 'state', 'done', 'digest', ARGV[1], 'drawn_ms', to_ms(now))
redis.call('HDEL', keys.pace, 'near', 'near_ms', 'judged')
settle(keys.pace, 0, now)
redis.call('XADD', keys.audit, '*', 'by', 'draw', 'action', 'draw', 'from', 'null', 'to',
  cjson.encode({ seed = seed, origin = origin, people = tonumber(people), digest = ARGV[1] }))
append_record(keys, to_ms(now), redis.call('HGET', keys.event, 'epoch'), 'draw', 'step', 'ended',
  'digest', ARGV[1])
redis.call('HINCRBY', keys.counts, 'moves', 1)
append_move(keys, to_ms(now), 'event')
return { 'ended' }
