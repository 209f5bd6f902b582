-- draw_places: gives a piece of the drawn order its seqs.
--
-- KEYS   1 draw  2 places
-- ARGV   1 first: the first place's seq, the others follow it  2… place ids in drawn order
-- Effect places that have not been drawn yet get their seq; those who left meanwhile, and those drawn before, stay as they are.
-- Result {'drawn'} · {'none'}: nothing is to be drawn (any more)
assert(#KEYS == 2 and #ARGV >= 2, 'draw_places: 2 keys, a seq and a place')
local state, after = unpack(redis.call('HMGET', KEYS[1], 'state', 'after'))
if state ~= 'going' then
  return { 'none' }
end
local first, last_undrawn = tonumber(ARGV[1]), tonumber(after)
local drawn = {}
for i, seq in ipairs(redis.call('ZMSCORE', KEYS[2], unpack(ARGV, 2))) do
  if seq and tonumber(seq) <= last_undrawn then
    drawn[#drawn + 1], drawn[#drawn + 2] = string.format('%d', first + i - 1), ARGV[i + 1]
  end
end
bulk('ZADD', KEYS[2], drawn)
return { 'drawn' }
