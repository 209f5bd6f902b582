-- book: reads a book's rules. Reads only.
--
-- KEYS   1 book
-- ARGV   none
-- Result {'no-such-book'} · {'book', rules, version}
assert(#KEYS == 1 and #ARGV == 0, 'book: 1 key')
local rules, version = unpack(redis.call('HMGET', KEYS[1], 'rules', 'version'))
if not rules then
  return { 'no-such-book' }
end
return { 'book', rules, version }
