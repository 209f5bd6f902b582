-- Part "pace": the token bucket. Its key holds `tokens` as they were at `at_us`; what came since is reckoned when it is read.

-- Most tokens that a rate may gather: one second of it, at least one person; none at all when nobody is to be let in.
local function burst(rate)
  if rate > 0 then
    return math.max(1, rate)
  end
  return 0
end

-- The tokens at `now` (µs). When the clock stepped back the bucket goes on from there: nothing is given twice, and nobody waits
-- until the clock has caught up.
local function tokens_at(pace, rate, now)
  local held = redis.call('HMGET', pace, 'tokens', 'at_us')
  if not held[1] then
    return 0
  end
  local elapsed_us = now - held[2]
  if elapsed_us < 0 then
    redis.call('HSET', pace, 'at_us', now)
    elapsed_us = 0
  end
  return math.min(burst(rate), held[1] + elapsed_us * rate / 1000000)
end

-- Fixes the bucket at `tokens` from `now` on.
local function settle(pace, tokens, now)
  redis.call('HSET', pace, 'tokens', tokens, 'at_us', now)
end
