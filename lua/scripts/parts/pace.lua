-- Part "pace": the token bucket and the rate that fills it. Its key holds `tokens` as they were at `at_us`; what came since is
-- reckoned when it is read.
-- Functions take an event as part "event" reads it: `rate`, as it was set; `ramp`, '' or `from since_ms until_ms`: the rate goes
-- from what it was to what was set in a straight line; `brake`, '' or a text that begins with what the rate is divided by.

-- Most tokens that a rate may gather: one second of it, at least one person; none at all when nobody is to be let in.
local function burst(rate)
  if rate > 0 then
    return math.max(1, rate)
  end
  return 0
end

-- The ramp of an event, if it has one: its first rate, its beginning and its end in µs.
local function ramp_of(event)
  local from, since_ms, until_ms = string.match(event.ramp, '^(%S+) (%S+) (%S+)$')
  if from then
    return tonumber(from), since_ms * 1000, until_ms * 1000
  end
end

-- The rate at `at` (µs), but for the brake.
local function unbraked_at(event, at)
  local rate = tonumber(event.rate)
  local from, since, ends = ramp_of(event)
  if not from or at >= ends then
    return rate
  end
  return from + (rate - from) * math.max(0, at - since) / (ends - since)
end

-- What the brake divides the rate by.
local function divisor_of(event)
  return tonumber(string.match(event.brake, '^%S+')) or 1
end

-- The rate in force at `at` (µs).
local function rate_at(event, at)
  return unbraked_at(event, at) / divisor_of(event)
end

-- The highest rate on the way that is left: what those near the head are reckoned by.
local function fastest(event, now)
  local rate = tonumber(event.rate)
  local from, _, ends = ramp_of(event)
  return from and now < ends and math.max(rate, from) or rate
end

-- The tokens that come between two moments (µs): the area under the rate.
local function come(event, from, to)
  local rate = tonumber(event.rate)
  local first, since, ends = ramp_of(event)
  local tokens = (to - from) * rate
  if first and from < ends then
    local begin, bend = math.min(math.max(since, from), to), math.min(ends, to)
    tokens = (begin - from) * first + (to - bend) * rate
      + (bend - begin) * (unbraked_at(event, begin) + unbraked_at(event, bend)) / 2
  end
  return tokens / 1000000 / divisor_of(event)
end

-- The tokens at `now` (µs). When the clock stepped back the bucket goes on from there: nothing is given twice, and nobody waits
-- until the clock has caught up.
local function tokens_at(pace, event, now)
  local held = redis.call('HMGET', pace, 'tokens', 'at_us')
  if not held[1] then
    return 0
  end
  local at = tonumber(held[2])
  if now < at then
    redis.call('HSET', pace, 'at_us', now)
    at = now
  end
  return math.min(burst(rate_at(event, now)), held[1] + come(event, at, now))
end

-- Fixes the bucket at `tokens` from `now` on.
local function settle(pace, tokens, now)
  redis.call('HSET', pace, 'tokens', tokens, 'at_us', now)
end

-- A rate as text, without an exponent.
local function plain(rate)
  return (string.gsub(string.format('%.6f', rate), '%.?0+$', ''))
end

-- A ramp that has come to its end is none.
local function end_ramp(event, now)
  local from, _, ends = ramp_of(event)
  if from and now >= ends then
    event.ramp = ''
  end
end

-- The rate in force as it is shown: as it was set, or with three digits that count.
local function shown_rate(event, now)
  local rate = rate_at(event, now)
  if rate == tonumber(event.rate) then
    return event.rate
  end
  return plain(tonumber(string.format('%.3g', rate)))
end
