-- set_limits: sets limits per client address for the whole installation.
--
-- KEYS   1 limits  2 audit of the limits
-- ARGV   1 by, then pairs: the name of a limit and what it is to be, '' to leave it to each process's own setting
-- Effect what differs is written with one audit entry; the same again changes nothing.
-- Result {'set'}
assert(#KEYS == 2 and #ARGV % 2 == 1, 'set_limits: 2 keys, by and pairs')
local before, after, differs = {}, {}, false
for i = 2, #ARGV, 2 do
  local name, text = ARGV[i], ARGV[i + 1]
  local held = redis.call('HGET', KEYS[1], name) or ''
  if text ~= held then
    differs = true
    before[name] = held ~= '' and held or cjson.null
    after[name] = text ~= '' and text or cjson.null
    if text == '' then
      redis.call('HDEL', KEYS[1], name)
    else
      redis.call('HSET', KEYS[1], name, text)
    end
  end
end
if differs then
  redis.call('XADD', KEYS[2], '*', 'by', ARGV[1], 'action', 'limits', 'from', cjson.encode(before), 'to', cjson.encode(after))
end
return { 'set' }
