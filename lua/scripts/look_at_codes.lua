-- look_at_codes: how some codes of a book stand, all of them at one moment. Reads only.
--
-- KEYS   1 counts  2 book  3 free  4 assigned
-- ARGV   the codes, if any
-- Result {'looked', or 'no-such-book', the ordinal of the last record, how many codes there are, the rules as JSON or '', then for
--        each code: 1 when it is free, 0 when not, and the coupon as part "book" stores it, or ''}
assert(#KEYS == 4, 'look_at_codes: 4 keys')
local counts, book, free, assigned = unpack(KEYS)
local rules = redis.call('HGET', book, 'rules')
local answer = {
  rules and 'looked' or 'no-such-book', tonumber(redis.call('HGET', counts, 'records') or '0'),
  redis.call('SCARD', free) + redis.call('HLEN', assigned), rules or '',
}
for _, code in ipairs(ARGV) do
  answer[#answer + 1] = redis.call('SISMEMBER', free, code)
  answer[#answer + 1] = redis.call('HGET', assigned, code) or ''
end
return answer
