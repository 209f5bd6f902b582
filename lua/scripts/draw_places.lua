-- draw_places: gives a piece of the drawn order its seqs, in a line of its own beside the one that stands.
--
-- KEYS   1 draw  2 drawn  3 draw list
-- ARGV   1 the seq of the first  2 the place ids in drawn order, 22 characters each and each followed by a line feed
-- Effect the places stand in the drawn line, and on the list of the draw for good. No record tells of it: what a draw comes to is
--        said by the seed and by those who took part.
-- Result {'drawn'} · {'none'}: nothing is to be drawn (any more)
assert(#KEYS == 3 and #ARGV == 2, 'draw_places: 3 keys, a seq and places')
local state, carried = unpack(redis.call('HMGET', KEYS[1], 'state', 'carried'))
if state ~= 'going' or carried then
  return { 'none' }
end
local first, list = tonumber(ARGV[1]), ARGV[2]
-- So many places in one command: twice as many arguments fit on Lua's stack.
local MOST = 3500

-- Numbers become text slowly here, so that a seq is put together of its thousands and one of these.
local endings = {}
for n = 0, 999 do
  endings[n] = string.format('%03d', n)
end

local sub, added = string.sub, 0
local scored, n, thousands, ending = {}, 0, string.format('%d', first / 1000), first % 1000
if thousands == '0' then
  thousands = ''
end
for at = 1, #list, 23 do
  scored[n + 1], scored[n + 2] = thousands .. endings[ending], sub(list, at, at + 21)
  n, ending = n + 2, ending + 1
  if ending == 1000 then
    thousands, ending = string.format('%d', (tonumber(thousands) or 0) + 1), 0
  end
  if n == 2 * MOST then
    added = added + redis.call('ZADD', KEYS[2], unpack(scored, 1, n))
    n = 0
  end
end
if n > 0 then
  added = added + redis.call('ZADD', KEYS[2], unpack(scored, 1, n))
end
if added > 0 then
  redis.call('HSET', KEYS[3], ARGV[1], list)
end
return { 'drawn' }
