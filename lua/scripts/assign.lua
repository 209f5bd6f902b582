-- assign: gives coupons of a book to those who ask; one request after the other, each as many as asked or none.
--
-- KEYS   1 event  2 counts  3 outbox  4 book  5 free  6 assigned  7 holders; then per request: where its reply is kept
-- ARGV   1 most records that may wait in the outbox; then per request: by, holder, how many, the code that is wanted or '' for
--        any, the digest of what was asked or '' for a call without an idempotency key
-- Effect per request: the codes leave the free ones at random; the holder has so many more; a `coupon.assigned` record for each;
--        the reply is kept, as part "once" says.
-- Result {'no-such-book'} · {'answers', how often a code may be redeemed, the book's ack level or '', answer…}, one per request:
--        {'coupon-expired'} · {'no-such-coupon'}: the wanted code is not free · {'limit-reached'} · {'none-left', free}
--        {'assigned', the last record's ordinal, now_ms, code…} · {'once-mismatch'} · {'outbox-full'}: nothing was decided
assert(#KEYS >= 8 and #ARGV == 1 + 5 * (#KEYS - 7), 'assign: 7 keys, a bound, and a key and quintuples')
local keys = {
  event = KEYS[1], counts = KEYS[2], outbox = KEYS[3], book = KEYS[4], free = KEYS[5], assigned = KEYS[6], holders = KEYS[7],
}
local now_ms = to_ms(now_us())
local book = read_book(keys)
if not book then
  return { 'no-such-book' }
end

-- How many codes are anybody's: what is kept for the event of this book, or for a distribution under way, is nobody else's.
local free = book.for_event and 0 or math.max(redis.call('SCARD', keys.free) - book.reserved, 0)

-- One request.
local function assign(by, holder, count, wanted)
  if is_over(book, now_ms) then
    return { 'coupon-expired' }
  elseif wanted ~= '' and redis.call('SISMEMBER', keys.free, wanted) == 0 then
    return { 'no-such-coupon' }
  elseif tonumber(redis.call('HGET', keys.holders, holder) or '0') + count > book.per_person then
    return { 'limit-reached' }
  end
  if free < count then
    return { 'none-left', free }
  elseif is_full(keys, ARGV[1]) then
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
  free = free - #codes
  return { 'assigned', ordinal, now_ms, unpack(codes) }
end

local answers = { 'answers', book.uses, book.ack }
for i = 8, #KEYS do
  local by, holder, count, wanted, digest = unpack(ARGV, 5 * i - 38, 5 * i - 34)
  answers[#answers + 1] = once(KEYS[i], digest, function()
    return assign(by, holder, tonumber(count), wanted)
  end)
end
return answers
