-- store_tickets: puts minted tickets where their holders find them.
--
-- KEYS   1 admitted  2 tickets  3 unminted  4 counts  5 seq  6 moves
-- ARGV   per ticket: place id, seq, ticket
-- Effect tickets of places that are still admitted by that seq and have none yet are stored; one move tells of all of them.
-- Result {'stored', how many}
assert(#KEYS == 6 and #ARGV >= 3 and #ARGV % 3 == 0, 'store_tickets: 6 keys and triples')
local admitted, tickets, unminted = KEYS[1], KEYS[2], KEYS[3]
local keys = { counts = KEYS[4], seq = KEYS[5], moves = KEYS[6] }
local stored = {}
for i = 1, #ARGV, 3 do
  local place, seq, ticket = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local record = redis.call('HGET', admitted, place)
  if record and string.match(record, '^%S+') == seq and redis.call('HSETNX', tickets, place, ticket) == 1 then
    redis.call('ZREM', unminted, place)
    stored[#stored + 1] = seq .. ':' .. place
  end
end
if #stored > 0 then
  append_move(keys, to_ms(now_us()), 'ticketed', 'of', table.concat(stored, ','))
end
return { 'stored', #stored }
