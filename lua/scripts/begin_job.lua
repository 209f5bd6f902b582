-- begin_job: gives a job its turn on a book, and keeps as many free codes for it as it needs. One job at a time has the turn.
--
-- KEYS   1 book  2 free  3 event
-- ARGV   1 job  2 how many codes it needs  3 whole: 1 when fewer are as good as none
-- Effect the book's `job` is this one, `reserved` codes are kept for it; none of a book whose event issues them. The same again
--        changes nothing.
-- Result {'no-such-book'} · {'ended'}: it had its turn · {'busy', the job that has the turn} · {'too-few', available}
--        {'begun', how many codes were kept for it when it began}
assert(#KEYS == 3 and #ARGV == 3, 'begin_job: 3 keys and 3 arguments')
local book, free, event = unpack(KEYS)
local job, needed, whole = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1'
local per_person, held, ended, total = unpack(redis.call('HMGET', book, 'per_person', 'job', 'job_ended', 'job_total'))
if not per_person then
  return { 'no-such-book' }
elseif ended == job then
  return { 'ended' }
elseif held == job then
  return { 'begun', tonumber(total) }
elseif held then
  return { 'busy', held }
end
local available = redis.call('HGET', event, 'given') == '1' and 0 or redis.call('SCARD', free)
if whole and available < needed then
  return { 'too-few', available }
end
local kept = math.min(available, needed)
redis.call('HSET', book, 'job', job, 'job_total', kept, 'reserved', kept)
return { 'begun', kept }
