-- stage_codes: takes in a piece of an upload, which counts only once it is whole (add_codes).
--
-- KEYS   1 book  2 free  3 assigned  4 coming: the codes of the upload that is carried in just now (set)
--        5 staged: the codes of this upload (set)  6 pieces: the same, as JSON lists, each of one record (list)
-- ARGV   1 how long the upload may take, in ms  2… the codes of the piece
-- Effect those that are new are among the staged ones; the upload is forgotten when it takes too long.
-- Result {'no-such-book'} · {'staged', uploads, index…}: how many uploads the book has had, and which codes (from 1) are in the
--        book or in this upload already
assert(#KEYS == 6 and #ARGV >= 2, 'stage_codes: 6 keys, a time and codes')
local book, free, assigned, coming, staged, pieces = unpack(KEYS)
-- Codes of one record: whoever reads a thousand records at once must not find a million rows in them.
local RECORD = 100
local uploads, per_person = unpack(redis.call('HMGET', book, 'uploads', 'per_person'))
if not per_person then
  return { 'no-such-book' }
end
local is_free = redis.call('SMISMEMBER', free, unpack(ARGV, 2))
local is_coming = redis.call('SMISMEMBER', coming, unpack(ARGV, 2))
local is_staged = redis.call('SMISMEMBER', staged, unpack(ARGV, 2))
local held = redis.call('HMGET', assigned, unpack(ARGV, 2))
local answer, new, is_new = { 'staged', tonumber(uploads or '0') }, {}, {}
for i = 1, #ARGV - 1 do
  local code = ARGV[i + 1]
  if is_free[i] + is_coming[i] + is_staged[i] > 0 or held[i] or is_new[code] then
    answer[#answer + 1] = i
  else
    new[#new + 1], is_new[code] = code, true
  end
end
for first = 1, #new, RECORD do
  local piece = { unpack(new, first, math.min(first + RECORD - 1, #new)) }
  redis.call('SADD', staged, unpack(piece))
  redis.call('RPUSH', pieces, cjson.encode(piece))
end
redis.call('PEXPIRE', staged, ARGV[1])
redis.call('PEXPIRE', pieces, ARGV[1])
return answer
