-- waiting: a piece of the line, for loading a mirror of it. Reads only.
--
-- KEYS   1 event  2 places
-- ARGV   1 after: a seq  2 limit
-- Result {'waiting', seq…}: of the people waiting with a seq above `after`, ascending; nobody waits in a line that ended
assert(#KEYS == 2 and #ARGV == 2, 'waiting: 2 keys, a seq and a limit')
local result = { 'waiting' }
if redis.call('HGET', KEYS[1], 'ended') == '' then
  local held = redis.call('ZRANGE', KEYS[2], '(' .. ARGV[1], '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[2], 'WITHSCORES')
  for i = 2, #held, 2 do
    result[#result + 1] = tonumber(held[i])
  end
end
return result
