-- stage_codes: takes in a piece of an upload, which counts only once it is whole (add_codes).
--
-- KEYS   1 book  2 free  3 assigned  4 staged: the codes of this upload (set)  5 pieces: the same, as JSON lists (list)
-- ARGV   1 how long the upload may take, in ms  2… the codes of the piece
-- Effect those that are new are among the staged ones; the upload is forgotten when it takes too long.
-- Result {'no-such-book'} · {'staged', uploads, index…}: how many uploads the book has had, and which codes (from 1) are in the
--        book or in this upload already
assert(#KEYS == 5 and #ARGV >= 2, 'stage_codes: 5 keys, a time and codes')
local book, free, assigned, staged, pieces = unpack(KEYS)
local uploads, per_person = unpack(redis.call('HMGET', book, 'uploads', 'per_person'))
if not per_person then
  return { 'no-such-book' }
end
local answer = { 'staged', tonumber(uploads or '0') }
local new = {}
for i = 2, #ARGV do
  local code = ARGV[i]
  if redis.call('SISMEMBER', free, code) == 1 or redis.call('HEXISTS', assigned, code) == 1
    or redis.call('SADD', staged, code) == 0 then
    answer[#answer + 1] = i - 1
  else
    new[#new + 1] = code
  end
end
if #new > 0 then
  redis.call('RPUSH', pieces, cjson.encode(new))
end
redis.call('PEXPIRE', staged, ARGV[1])
redis.call('PEXPIRE', pieces, ARGV[1])
return answer
