-- raise_watermark: tells how far the log or the ledger has come with an event's outbox, and notes it.
--
-- KEYS   1 acked  2 buried  3 outbox
-- ARGV   1 ordinal  2 channel  3 event id  4 `tell`, `keep` or `forget`, then the levels: `log`, `ledger`
-- Effect the watermark of each level rises to the ordinal, never falls; a rise is published as "event log ledger buried
--        lost_after lost_to": how many records below the ledger's mark are not in it, and which ordinals will never come. With
--        `forget` the outbox forgets the records up to the ordinal. With `tell` the rise is published and not noted: nothing is
--        written.
-- Result {'raised'} · {'stands'}
assert(#KEYS == 3 and #ARGV >= 5, 'raise_watermark: 3 keys, 4 arguments and levels')
local acked, buried, outbox, ordinal, channel, event = KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3]
if ARGV[4] == 'forget' then
  -- Ids are `<ordinal>-0`: what is smaller than `<ordinal>-1` goes. First, because a full Redis lets a script begin with what frees
  -- memory and write after that, but not begin with a write that may need some.
  redis.call('XTRIM', outbox, 'MINID', ordinal .. '-1')
end
local log, ledger, lost_after, lost_to = unpack(redis.call('HMGET', acked, 'log', 'ledger', 'lost_after', 'lost_to'))
local marks = { log = log or '0', ledger = ledger or '0' }
local raised = {}
for i = 5, #ARGV do
  if tonumber(marks[ARGV[i]]) < tonumber(ordinal) then
    marks[ARGV[i]] = ordinal
    raised[#raised + 1] = ARGV[i]
    raised[#raised + 1] = ordinal
  end
end
if #raised == 0 then
  return { 'stands' }
end
if ARGV[4] ~= 'tell' then
  redis.call('HSET', acked, unpack(raised))
end
redis.call('PUBLISH', channel, string.format('%s %s %s %d %s %s', event, marks.log, marks.ledger, redis.call('SCARD', buried),
  lost_after or '0', lost_to or '0'))
return { 'raised' }
