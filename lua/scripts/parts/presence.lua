-- Part "presence": who is near the head of the line, and which of them are there.
-- Functions take `keys`: {places, seq, passed, grace, seen, pace}.

-- So many people at the head are near it: twenty seconds of the rate, at least a thousand. `domain::presence::reach` says the
-- same to the gateways, which tell of those who are near and there.
local function reach(rate)
  return math.min(100000, math.max(1000, math.ceil(20 * rate)))
end

-- Whoever was near for so long has been told of, if they are there.
local SETTLING_MS = 3000

-- The last seq of those who were near long enough to be judged by what was told. After a time without rounds, gateways may
-- have been without a store as well: they are given their time anew.
local function judged_up_to(keys, rate, now_ms)
  local near, near_ms, judged = unpack(redis.call('HMGET', keys.pace, 'near', 'near_ms', 'judged'))
  local since_ms = near_ms and now_ms - near_ms
  if since_ms and since_ms >= 0 and since_ms < SETTLING_MS then
    return tonumber(judged)
  end
  judged = since_ms and since_ms >= 0 and since_ms < 3 * SETTLING_MS and near or '0'
  local last = reach(rate) - 1
  near = redis.call('ZRANGE', keys.places, last, last, 'WITHSCORES')[2] or redis.call('GET', keys.seq) or '0'
  redis.call('HSET', keys.pace, 'near', near, 'near_ms', now_ms, 'judged', judged)
  return tonumber(judged)
end

-- Takes places out of everything that presence keeps.
local function forget_presence(keys, places)
  bulk('ZREM', keys.passed, places)
  bulk('ZREM', keys.grace, places)
  bulk('HDEL', keys.seen, places)
end
