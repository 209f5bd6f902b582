-- restore_book: puts a book back of which the ledger knows more than this Redis, behind the fence.
--
-- KEYS   1 event  2 counts  3 outbox  4 acked  5 book, then pairs: what was laid beside the book's keys, and the key whose place
--        it takes
-- ARGV   1 epoch  2 seen: the last ordinal that the ledger knows of  3 gap
--        4 alone: 0 when an event of this id is put back after it  5… the rules, as put_book takes them
-- Effect what was laid beside takes the place of what was held. Locks are gone: their tokens were known to this store alone.
--        Of a book that is alone the ordinals go on `gap` above the last that was seen, in a new epoch; else the event sees
--        to that.
-- Result {'restored'} · {'not-ours'}: somebody else has put it back since, in this epoch or a later one
assert(#KEYS >= 5 and #KEYS % 2 == 1 and #ARGV == 12, 'restore_book: 5 keys, pairs and 12 arguments')
local event, counts, outbox, acked, book = unpack(KEYS)
if tonumber(redis.call('HGET', event, 'epoch') or '0') >= tonumber(ARGV[1]) then
  return { 'not-ours' }
end
local seen = tonumber(ARGV[2])
local resumed = seen + ARGV[3]
for i = 6, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    redis.call('RENAME', KEYS[i], KEYS[i + 1])
    redis.call('PERSIST', KEYS[i + 1])
  else
    redis.call('UNLINK', KEYS[i + 1])
  end
end
write_rules({ book = book }, 5)
-- Above every version and every count of uploads that somebody may have read.
redis.call('HSET', book, 'version', resumed, 'uploads', resumed)
-- A job cannot tell any more what it has done: it has lost its turn. Nor is an upload carried in that was on its way.
redis.call('HDEL', book, 'job', 'job_total', 'job_added', 'reserved', 'coming', 'coming_by')
if ARGV[4] == '1' then
  redis.call('HSET', counts, 'records', resumed)
  redis.call('HSET', event, 'epoch', ARGV[1])
  redis.call('HSET', acked, 'log', resumed, 'ledger', resumed, 'lost_after', seen, 'lost_to', resumed)
  redis.call('XTRIM', outbox, 'MINID', string.format('%d-0', seen + 1))
end
return { 'restored' }
