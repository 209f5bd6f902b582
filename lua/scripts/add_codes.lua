-- add_codes: puts a whole upload into its book, all of it or nothing.
--
-- KEYS   1 event  2 counts  3 outbox  4 book  5 free  6 staged  7 pieces  8 stock  9 seq  10 moves  11 audit
-- ARGV   1 how many codes the upload holds  2 how many uploads the book had had when they were compared with it
--        3 the job that made them, '' for none  4 by  5 sound: 0 when some of the codes were rejected, so that none may be added
--        6 most records that may wait in the outbox
-- Effect the staged codes are free, with a `book.codes-added` record for each piece. What a job made is added once. The stock of
--        an event that issues them rises, as by `add_stock`.
-- Result {'job-over'}: the job has not the turn · {'added', 0}: what the job made was added before
--        {'rejected'} · {'gone'}: the upload took too long · {'overtaken'}: by another upload, so it must be compared again
--        {'outbox-full'} · {'added', the last record's ordinal}
assert(#KEYS == 11 and #ARGV == 6, 'add_codes: 11 keys and 6 arguments')
local keys = {
  event = KEYS[1], counts = KEYS[2], outbox = KEYS[3], book = KEYS[4], free = KEYS[5], stock = KEYS[8], seq = KEYS[9],
  moves = KEYS[10], audit = KEYS[11],
}
local staged, pieces = KEYS[6], KEYS[7]
if ARGV[3] ~= '' then
  local job, added = unpack(redis.call('HMGET', keys.book, 'job', 'job_added'))
  if job ~= ARGV[3] then
    return { 'job-over', again = true }
  elseif added then
    return { 'added', 0 }
  end
end
if ARGV[5] == '0' then
  return { 'rejected', again = true }
elseif redis.call('SCARD', staged) ~= tonumber(ARGV[1]) then
  return { 'gone', again = true }
elseif (redis.call('HGET', keys.book, 'uploads') or '0') ~= ARGV[2] then
  return { 'overtaken', again = true }
elseif is_full(keys, ARGV[6]) then
  return { 'outbox-full', again = true }
end
-- A million codes must not hold the store up: the first upload becomes the free codes as it is, a later one is put to them.
local is_first = redis.call('EXISTS', keys.free) == 0
if is_first then
  redis.call('RENAME', staged, keys.free)
  redis.call('PERSIST', keys.free)
end
local now_ms, ordinal = to_ms(now_us()), 0
for _, piece in ipairs(redis.call('LRANGE', pieces, 0, -1)) do
  if not is_first then
    redis.call('SADD', keys.free, unpack(cjson.decode(piece)))
  end
  ordinal = append_fact(keys, now_ms, 'codes', 'codes', piece)
end
redis.call('HINCRBY', keys.book, 'uploads', 1)
if ARGV[3] ~= '' then
  redis.call('HSET', keys.book, 'job_added', '1')
end
redis.call('UNLINK', staged, pieces)
local event = read_event(keys)
if event and event.given == '1' then
  raise_stock(keys, event, ARGV[1], now_us(), ARGV[4])
  ordinal = tonumber(redis.call('HGET', keys.counts, 'records'))
end
return { 'added', ordinal }
