-- claim: gives coupons of a direct event, which has no line; one request after the other, each whole or not at all.
--
-- KEYS   1 event  2 counts  3 stock  4 seq  5 moves  6 outbox  7 participants  8 issued  9 coupons  10 claims  11 book
--        12 free  13 assigned  14 holders
-- ARGV   1 most records that may wait in the outbox; then per request: holder, code
-- Effect of a claim: stock − 1, the next serial, the holder among the participants and last of the claims, the code taken, and
--        the `coupon.issued` record in the outbox. A move tells when the last coupon goes. Given codes as in `redeem`.
-- Result {'no-such-event'} · {'has-a-line'} · {'answers', answer…}, one per request:
--        {'claimed', issue, remaining} · {'already-claimed', issue} with issue = "serial issued_ms ordinal epoch - code"
--        {'not-open', phase} · {'sold-out'} · {'code-taken'} · {'limit-reached'}: of the book
--        {'outbox-full'}: nothing was decided
assert(#KEYS == 14 and #ARGV >= 3 and #ARGV % 2 == 1, 'claim: 14 keys, a bound and pairs')
local keys = {
  event = KEYS[1], counts = KEYS[2], stock = KEYS[3], seq = KEYS[4], moves = KEYS[5], outbox = KEYS[6], book = KEYS[11],
  free = KEYS[12], assigned = KEYS[13], holders = KEYS[14],
}
local participants, issued, coupons, claims = KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local now_ms = to_ms(now_us())

local phase, line, epoch, given = unpack(redis.call('HMGET', keys.event, 'phase', 'line', 'epoch', 'given'))
if not phase then
  return { 'no-such-event' }
elseif line ~= '0' then
  return { 'has-a-line' }
end
local book = given == '1' and read_book(keys)
local remaining = tonumber(redis.call('GET', keys.stock))

-- Issues the next coupon; its code was taken by the caller.
local function issue(holder, code)
  if book then
    assign_code(keys, now_ms, code, holder, 'claim', '')
  end
  remaining = redis.call('DECR', keys.stock)
  local serial = redis.call('HINCRBY', keys.counts, 'issued', 1)
  local ordinal = append_record(keys, now_ms, epoch, 'issued', 'serial', serial, 'code', code, 'holder', holder)
  local value = string.format('%d %d %d %s - %s', serial, now_ms, ordinal, epoch, code)
  redis.call('SADD', participants, holder)
  redis.call('RPUSH', claims, holder)
  redis.call('HSET', issued, holder, value)
  if remaining == 0 then
    append_move(keys, now_ms, 'event')
  end
  return { 'claimed', value, remaining }
end

-- One request. Whoever has a coupon hears so first, also when all are gone.
local function claim(holder, code)
  local held = redis.call('HGET', issued, holder)
  if held then
    return { 'already-claimed', held }
  elseif phase ~= 'open' then
    return { 'not-open', phase }
  elseif remaining <= 0 then
    return { 'sold-out' }
  elseif is_full(keys, ARGV[1]) then
    return { 'outbox-full' }
  elseif book then
    if is_over(book, now_ms) then
      return { 'not-open', 'closed' }
    elseif not may_have_more(keys, book, holder) then
      return { 'limit-reached' }
    end
    -- What a full Redis refuses comes first: then nothing has happened.
    code = redis.call('SRANDMEMBER', keys.free)
    if not code then
      return { 'sold-out' }
    end
    redis.call('HSET', coupons, code, holder)
    redis.call('SREM', keys.free, code)
  elseif redis.call('HSETNX', coupons, code, holder) == 0 then
    return { 'code-taken' }
  end
  return issue(holder, code)
end

local answers = { 'answers' }
for i = 2, #ARGV, 2 do
  answers[#answers + 1] = claim(ARGV[i], ARGV[i + 1])
end
return answers
