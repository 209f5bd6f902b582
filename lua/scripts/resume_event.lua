-- resume_event: lets an event, or a book, go on of which this Redis has all that the ledger knows, behind the fence. What it had
-- counted after that, if anything, may have been told already, so nothing is counted a second time.
--
-- KEYS   1 event  2 counts  3 acked  4 moves  5 seq  6 book
-- ARGV   1 epoch  2 gap
-- Effect the epoch is new, ordinals go on `gap` above the last counted, and waiters are told that those between never come;
--        records in the outbox stay as they are. Versions rise above every one that somebody may have read. Every mirror loads
--        the line again.
-- Result {'resumed'} · {'not-ours'}: somebody else has let it go on since, in this epoch or a later one
assert(#KEYS == 6 and #ARGV == 2, 'resume_event: 6 keys and 2 arguments')
local event, acked, book = KEYS[1], KEYS[3], KEYS[6]
if tonumber(redis.call('HGET', event, 'epoch') or '0') >= tonumber(ARGV[1]) then
  return { 'not-ours' }
end
local keys = { counts = KEYS[2], moves = KEYS[4], seq = KEYS[5] }
local counted, moves = unpack(redis.call('HMGET', keys.counts, 'records', 'moves'))
counted = tonumber(counted or '0')
local resumed = counted + ARGV[2]
local lost_after, lost_to = unpack(redis.call('HMGET', acked, 'lost_after', 'lost_to'))
if tonumber(lost_to or '-1') ~= counted then
  lost_after = counted
end
redis.call('HSET', keys.counts, 'records', resumed)
redis.call('HSET', acked, 'lost_after', lost_after, 'lost_to', resumed)
local is_event = redis.call('HEXISTS', event, 'definition') == 1
redis.call('HSET', event, 'epoch', ARGV[1])
if redis.call('EXISTS', book) == 1 then
  redis.call('HSET', book, 'version', resumed, 'uploads', resumed)
end
if is_event then
  local now_ms = to_ms(now_us())
  redis.call('HSET', event, 'version', resumed)
  redis.call('HSET', keys.counts, 'moves', math.max(tonumber(moves or '0') + 1, now_ms))
  append_move(keys, now_ms, 'event')
end
return { 'resumed' }
