-- Part "clock": the store's own time, the only one that scripts know.

-- Microseconds since 1970.
local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Microseconds as whole milliseconds.
local function to_ms(us)
  return math.floor(us / 1000)
end
