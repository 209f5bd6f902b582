-- raise_watermark: notes how far the log or the ledger has come with an event's outbox, and tells everyone who listens.
--
-- KEYS   1 acked  2 buried
-- ARGV   1 `log` or `ledger`  2 ordinal  3 channel  4 event id
-- Effect the watermark rises to the ordinal, never falls; a rise is published as "event log ledger buried lost_after lost_to":
--        how many records below the ledger's mark are not in it, and which ordinals will never come.
-- Result {'raised'} · {'stands'}
assert(#KEYS == 2 and #ARGV == 4, 'raise_watermark: 2 keys and 4 arguments')
local acked, buried, level, ordinal, channel, event = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if tonumber(redis.call('HGET', acked, level) or '0') >= tonumber(ordinal) then
  return { 'stands' }
end
redis.call('HSET', acked, level, ordinal)
local log, ledger, lost_after, lost_to = unpack(redis.call('HMGET', acked, 'log', 'ledger', 'lost_after', 'lost_to'))
local told = string.format('%s %s %s %d %s %s', event, log or '0', ledger or '0', redis.call('SCARD', buried),
  lost_after or '0', lost_to or '0')
redis.call('PUBLISH', channel, told)
return { 'raised' }
