-- coupon: reads a direct event as those who claim see it. Reads only.
--
-- KEYS   1 event  2 stock  3 claims
-- ARGV   1 how many of the first claims to name
-- Result {'no-such-event'}: none, or one with a line · {'coupon', phase, total, remaining, claimed, holder…}: `claimed` counts
--        all claims, the holders are the first of them in order of serial
assert(#KEYS == 3 and #ARGV == 1, 'coupon: 3 keys and a number')
local phase, line, total = unpack(redis.call('HMGET', KEYS[1], 'phase', 'line', 'total'))
if not phase or line ~= '0' then
  return { 'no-such-event' }
end
local named = {}
if tonumber(ARGV[1]) > 0 then
  named = redis.call('LRANGE', KEYS[3], 0, ARGV[1] - 1)
end
local remaining, claimed = tonumber(redis.call('GET', KEYS[2])), redis.call('LLEN', KEYS[3])
return { 'coupon', phase, tonumber(total), remaining, claimed, unpack(named) }
