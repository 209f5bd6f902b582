-- assign: gives coupons of a book to somebody, as many as asked or none.
--
-- KEYS   1 event  2 counts  3 outbox  4 book  5 free  6 assigned  7 holders
-- ARGV   1 by  2 holder  3 how many  4 the code that is wanted, or '' for any  5 most records that may wait in the outbox
-- Effect the codes leave the free ones at random; the holder has so many more; a `coupon.assigned` record for each.
-- Result {'no-such-book'} · {'coupon-expired'} · {'no-such-coupon'}: the wanted code is not free · {'limit-reached'}
--        {'none-left', free} · {'outbox-full'} · {'assigned', the last record's ordinal, now_ms, code…}
assert(#KEYS == 7 and #ARGV == 5, 'assign: 7 keys and 5 arguments')
local keys = {
  event = KEYS[1], counts = KEYS[2], outbox = KEYS[3], book = KEYS[4], free = KEYS[5], assigned = KEYS[6], holders = KEYS[7],
}
local by, holder, count, wanted = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local now_ms = to_ms(now_us())
local book = read_book(keys)
if not book then
  return { 'no-such-book' }
elseif is_over(book, now_ms) then
  return { 'coupon-expired' }
elseif wanted ~= '' and redis.call('SISMEMBER', keys.free, wanted) == 0 then
  return { 'no-such-coupon' }
elseif tonumber(redis.call('HGET', keys.holders, holder) or '0') + count > book.per_person then
  return { 'limit-reached' }
end
-- What is kept for the event of this book, or for a distribution under way, is nobody else's.
local free = book.for_event and 0 or math.max(redis.call('SCARD', keys.free) - book.reserved, 0)
if free < count then
  return { 'none-left', free }
elseif is_full(keys, ARGV[5]) then
  return { 'outbox-full', again = true }
end

local codes = { wanted }
if wanted == '' then
  codes = redis.call('SPOP', keys.free, count)
else
  redis.call('SREM', keys.free, wanted)
end
local ordinal
for _, code in ipairs(codes) do
  ordinal = assign_code(keys, now_ms, code, holder, by, '')
end
return { 'assigned', ordinal, now_ms, unpack(codes) }
