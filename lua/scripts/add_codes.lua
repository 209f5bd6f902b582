-- add_codes: decides that a whole upload is in its book, all of it or nothing, however large it is. move_codes carries it in.
--
-- KEYS   1 event  2 counts  3 outbox  4 book  5 staged  6 pieces  7 coming  8 coming pieces
-- ARGV   1 how many codes the upload holds  2 how many uploads the book had had when they were compared with it
--        3 the job that made them, '' for none  4 by  5 sound: 0 when some of the codes were rejected, so that none may be added
--        6 most records that may wait in the outbox
-- Effect the upload is the one that is carried in, and is forgotten no more. What a job made is added once.
-- Result {'job-over'}: the job has not the turn
--        {'rejected'} · {'gone'}: the upload took too long · {'overtaken'}: by another upload, so it must be compared again
--        {'coming'}: an earlier one is still carried in, and must be in the book before · {'outbox-full'}
--        {'added'}: decided now or, for what the job made, before
assert(#KEYS == 8 and #ARGV == 6, 'add_codes: 8 keys and 6 arguments')
local keys = { event = KEYS[1], counts = KEYS[2], outbox = KEYS[3], book = KEYS[4] }
local staged, pieces, coming, coming_pieces = unpack(KEYS, 5)
local codes, uploads, by_job, by, sound, most_records = unpack(ARGV)
local had, is_coming, job, job_added = unpack(redis.call('HMGET', keys.book, 'uploads', 'coming', 'job', 'job_added'))
if by_job ~= '' then
  if job ~= by_job then
    return { 'job-over', again = true }
  elseif job_added then
    return { 'added' }
  end
end
if sound == '0' then
  return { 'rejected', again = true }
elseif redis.call('SCARD', staged) ~= tonumber(codes) then
  return { 'gone', again = true }
elseif (had or '0') ~= uploads then
  return { 'overtaken', again = true }
elseif is_coming then
  return { 'coming', again = true }
elseif is_full(keys, most_records) then
  return { 'outbox-full', again = true }
end
-- What a full Redis refuses comes first: then nothing has happened.
redis.call('HSET', keys.book, 'coming', codes, 'coming_by', by)
redis.call('HINCRBY', keys.book, 'uploads', 1)
redis.call('RENAME', staged, coming)
redis.call('RENAME', pieces, coming_pieces)
redis.call('PERSIST', coming)
redis.call('PERSIST', coming_pieces)
if by_job ~= '' then
  redis.call('HSET', keys.book, 'job_added', '1')
end
return { 'added' }
