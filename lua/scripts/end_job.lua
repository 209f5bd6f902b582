-- end_job: takes a job's turn on a book from it. What it did is kept by the ledger by now.
--
-- KEYS   1 book  2 dealt
-- ARGV   1 job
-- Effect no codes are kept for the job any more, and it never gets a turn again. Another job's turn stays.
-- Result {'ended'}
assert(#KEYS == 2 and #ARGV == 1, 'end_job: 2 keys and a job')
if redis.call('HGET', KEYS[1], 'job') == ARGV[1] then
  redis.call('HDEL', KEYS[1], 'job', 'job_total', 'job_added', 'reserved')
  redis.call('HSET', KEYS[1], 'job_ended', ARGV[1])
  redis.call('UNLINK', KEYS[2])
end
return { 'ended' }
