-- raise_watermark: notes how far the log or the ledger has come with an event's outbox, and tells everyone who listens.
--
-- KEYS   1 acked
-- ARGV   1 `log` or `ledger`  2 ordinal  3 channel  4 event id
-- Effect the watermark rises to the ordinal, never falls; a rise is published as "event log ledger".
-- Result {'raised'} · {'stands'}
assert(#KEYS == 1 and #ARGV == 4, 'raise_watermark: 1 key and 4 arguments')
local acked, level, ordinal, channel, event = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if tonumber(redis.call('HGET', acked, level) or '0') >= tonumber(ordinal) then
  return { 'stands' }
end
redis.call('HSET', acked, level, ordinal)
local log, ledger = unpack(redis.call('HMGET', acked, 'log', 'ledger'))
redis.call('PUBLISH', channel, event .. ' ' .. (log or '0') .. ' ' .. (ledger or '0'))
return { 'raised' }
