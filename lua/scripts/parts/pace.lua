-- Part "pace": the token bucket. Its key holds `tokens` as they were at `at_us`; what came since is reckoned when it is read.

-- Most tokens that a rate may gather: one second of it, at least one person; none at all when nobody is to be let in.
local function burst(rate)
  if rate > 0 then
    return math.max(1, rate)
  end
  return 0
end

-- The tokens at `now` (µs). A clock that stepped back gives nothing and takes nothing.
local function tokens_at(pace, rate, now)
  local held = redis.call('HMGET', pace, 'tokens', 'at_us')
  if not held[1] then
    return 0
  end
  local elapsed_us = math.max(0, now - held[2])
  return math.min(burst(rate), held[1] + elapsed_us * rate / 1000000)
end

-- Fixes the bucket at `tokens` from `now` on.
local function settle(pace, tokens, now)
  redis.call('HSET', pace, 'tokens', tokens, 'at_us', now)
end
