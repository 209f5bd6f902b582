-- put_book: makes a book, or changes its rules.
--
-- KEYS   1 event  2 counts  3 outbox  4 book  5 moves
-- ARGV   1 version: the one that the rest was merged from, 0 for a new book  2 rules as JSON  3 expires_ms or ''
--        4 per_person  5 uses  6 per_person_uses or ''  7 lock_s  8 on_cancel  9 ack level or ''
-- Effect what differs is written with a `book.changed` record, and wakes the admission of the event that issues the book's codes,
--        which closes with it; the same again changes nothing.
-- Result {'created', ordinal} · {'held', ordinal}, 0 when nothing changed · {'conflict'}
assert(#KEYS == 5 and #ARGV == 9, 'put_book: 5 keys and 9 arguments')
local keys = { event = KEYS[1], counts = KEYS[2], outbox = KEYS[3], book = KEYS[4] }
local held, version = unpack(redis.call('HMGET', keys.book, 'rules', 'version'))
if ARGV[1] ~= (version or '0') then
  return { 'conflict' }
end
if held == ARGV[2] then
  return { 'held', 0 }
end
write_rules(keys, 2)
redis.call('HINCRBY', keys.book, 'version', 1)
if redis.call('HGET', keys.event, 'given') == '1' then
  redis.call('PUBLISH', 'wakes', KEYS[5])
end
local ordinal = append_fact(keys, to_ms(now_us()), 'book', 'rules', ARGV[2])
return { held and 'held' or 'created', ordinal }
