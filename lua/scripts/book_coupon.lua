-- book_coupon: reads a coupon of a book for its holder. Reads only.
--
-- KEYS   1 book  2 assigned
-- ARGV   1 code  2 holder
-- Result {'no-such-book'} · {'no-such-coupon'}: also one that is somebody else's · {'coupon', now_ms, coupon} as part "book"
--        stores it
assert(#KEYS == 2 and #ARGV == 2, 'book_coupon: 2 keys and 2 arguments')
local keys = { book = KEYS[1], assigned = KEYS[2] }
if redis.call('EXISTS', keys.book) == 0 then
  return { 'no-such-book' }
end
local coupon = read_coupon(keys, ARGV[1])
if not coupon or coupon.holder ~= ARGV[2] then
  return { 'no-such-coupon' }
end
return { 'coupon', to_ms(now_us()), coupon_text(coupon) }
