-- book: reads a book's rules. Reads only.
--
-- KEYS   1 book  2 event
-- ARGV   none
-- Result {'no-such-book'} · {'book', rules, version, 1 when the event of its id issues its codes, else 0}
assert(#KEYS == 2 and #ARGV == 0, 'book: 2 keys')
local rules, version = unpack(redis.call('HMGET', KEYS[1], 'rules', 'version'))
if not rules then
  return { 'no-such-book' }
end
return { 'book', rules, version, redis.call('HGET', KEYS[2], 'given') == '1' and 1 or 0 }
