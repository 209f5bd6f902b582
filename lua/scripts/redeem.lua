-- redeem: exchanges tickets for coupons, one request after the other, each whole or not at all.
--
-- KEYS   1 event  2 counts  3 stock  4 places  5 seq  6 admitted  7 tickets  8 outstanding  9 unminted  10 moves  11 pace
--        12 outbox  13 audit  14 participants  15 issued  16 coupons  17 book  18 free  19 assigned  20 holders
-- ARGV   1 leeway_ms for the beginning of a ticket  2 most records that may wait in the outbox; then per request: place, holder,
--        jti, begins_ms, ends_ms, code
-- Effect of a pass: stock − 1, the next serial, the holder among the participants, the code taken, the place out of the
--        admitted, and the `coupon.issued` record in the outbox. The last coupon ends a line that does not wait for returns.
--        Of an event of given codes the code is a random one of its book instead, assigned to the holder, whose
--        `coupon.assigned` record stands before the other.
-- Result {'no-such-event'} or {'answers', answer…}, one per request:
--        {'pass', issue} · {'replayed', issue} with issue = "serial issued_ms ordinal epoch jti code"
--        {'already-issued'} · {'limit-reached'}: of the book · {'expired'} · {'not-yet-valid'} · {'event-closed'} · {'sold-out'}
--        {'code-taken'} · {'outbox-full'}: nothing was decided
assert(#KEYS == 20 and #ARGV >= 8 and #ARGV % 6 == 2, 'redeem: 20 keys, the leeway, a bound and sextuples')
local keys = {
  event = KEYS[1], counts = KEYS[2], stock = KEYS[3], places = KEYS[4], seq = KEYS[5], moves = KEYS[10], pace = KEYS[11],
  outbox = KEYS[12], audit = KEYS[13], book = KEYS[17], free = KEYS[18], assigned = KEYS[19], holders = KEYS[20],
}
local admitted, tickets, outstanding, unminted = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local participants, issued, coupons = KEYS[14], KEYS[15], KEYS[16]
local leeway_ms, most_records = tonumber(ARGV[1]), ARGV[2]
local now = now_us()
local now_ms = to_ms(now)
local REDEEMS = { open = true, paused = true, draining = true }

local phase, on_sold_out, epoch, given = unpack(redis.call('HMGET', keys.event, 'phase', 'on_sold_out', 'epoch', 'given'))
if not phase then
  return { 'no-such-event' }
end
local book = given == '1' and read_book(keys)
local remaining = tonumber(redis.call('GET', keys.stock))

-- Tells everyone that the last coupon went. A line that ended before had no tickets out, so this one has not ended yet.
local function last_coupon_went()
  if on_sold_out == 'close' then
    end_sold_out(keys, read_event(keys), now)
  else
    append_move(keys, now_ms, 'event')
  end
end

-- Issues the next coupon; its code was taken by the caller.
local function issue(place, holder, jti, code)
  if book then
    assign_code(keys, now_ms, code, holder, 'line', '')
  end
  remaining = redis.call('DECR', keys.stock)
  local serial = redis.call('HINCRBY', keys.counts, 'issued', 1)
  local ordinal = append_record(keys, now_ms, epoch, 'issued', 'serial', serial, 'code', code, 'holder', holder)
  local value = string.format('%d %d %d %s %s %s', serial, now_ms, ordinal, epoch, jti, code)
  redis.call('SADD', participants, holder)
  redis.call('HSET', issued, holder, value)
  redis.call('HDEL', admitted, place)
  redis.call('ZREM', outstanding, place)
  if redis.call('HDEL', tickets, place) == 0 then
    redis.call('ZREM', unminted, place)
  end
  if remaining == 0 then
    last_coupon_went()
  end
  return { 'pass', value }
end

-- One request. The ticket must be the one of the present admission: `jti` is made as `AdmittedPlace::jti` makes it.
local function redeem(place, holder, jti, begins_ms, ends_ms, code)
  local held = redis.call('HGET', issued, holder)
  if held then
    local spent = string.match(held, '^%S+ %S+ %S+ %S+ (%S+)')
    if spent == jti or spent == '-' then
      return { 'replayed', held }
    end
    return { 'already-issued' }
  elseif now_ms >= tonumber(ends_ms) then
    return { 'expired' }
  elseif now_ms + leeway_ms < tonumber(begins_ms) then
    return { 'not-yet-valid' }
  elseif not REDEEMS[phase] then
    return { 'event-closed' }
  elseif remaining <= 0 then
    return { 'sold-out' }
  end
  local record = redis.call('HGET', admitted, place)
  if not record or jti ~= place .. '.' .. string.match(record, '^%S+ (%S+)') then
    return { 'expired' }
  elseif is_full(keys, most_records) then
    return { 'outbox-full' }
  elseif book then
    if is_over(book, now_ms) then
      return { 'event-closed' }
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
  return issue(place, holder, jti, code)
end

local answers = { 'answers' }
for i = 3, #ARGV, 6 do
  answers[#answers + 1] = redeem(unpack(ARGV, i, i + 5))
end
return answers
