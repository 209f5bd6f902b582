-- restore_book: puts a book back of which the ledger knows more than this Redis, behind the fence.
--
-- KEYS   1 the lease of the recovery  2 events  3 event  4 counts  5 outbox  6 acked  7 book, then pairs: what was laid beside
--        the book's keys, and the key whose place it takes
-- ARGV   1 owner of the lease  2 book id  3 epoch  4 seen: the last ordinal that the ledger knows of  5 gap
--        6 alone: 0 when an event of this id is put back after it  7… the rules, as put_book takes them
-- Effect what was laid beside takes the place of what was held. Locks are gone: their tokens were known to this store alone.
--        Of a book that is alone the ordinals go on `gap` above the last that was seen, in a new epoch; else the event sees
--        to that.
-- Result {'restored'} · {'not-ours'}: the lease is somebody else's
assert(#KEYS >= 7 and #KEYS % 2 == 1 and #ARGV == 14, 'restore_book: 7 keys, pairs and 14 arguments')
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return { 'not-ours' }
end
local event, counts, outbox, acked, book = KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local seen = tonumber(ARGV[4])
local resumed = seen + ARGV[5]
for i = 8, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    redis.call('RENAME', KEYS[i], KEYS[i + 1])
    redis.call('PERSIST', KEYS[i + 1])
  else
    redis.call('UNLINK', KEYS[i + 1])
  end
end
write_rules({ book = book }, 7)
-- Above every version and every count of uploads that somebody may have read.
redis.call('HSET', book, 'version', resumed, 'uploads', resumed)
-- A job cannot tell any more what it has done: it has lost its turn. Nor is an upload carried in that was on its way.
redis.call('HDEL', book, 'job', 'job_total', 'job_added', 'reserved', 'coming', 'coming_by')
if ARGV[6] == '1' then
  redis.call('HSET', counts, 'records', resumed)
  redis.call('HSET', event, 'epoch', ARGV[3])
  redis.call('HSET', acked, 'log', resumed, 'ledger', resumed, 'lost_after', seen, 'lost_to', resumed)
  redis.call('XTRIM', outbox, 'MINID', string.format('%d-0', seen + 1))
  redis.call('SADD', KEYS[2], ARGV[2])
end
return { 'restored' }
