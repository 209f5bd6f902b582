-- step_coupon: one step in the life of an assigned coupon, as `domain::book::Coupon::step` describes it.
--
-- KEYS   1 event  2 counts  3 outbox  4 book  5 free  6 assigned  7 holders  8 redeemers
-- ARGV   1 by  2 step: lock, unlock, redeem or cancel  3 code  4 holder whose it must be, '' for the organiser
--        5 the lock's token, '-' for none  6 how long a lock lasts, in ms, '' for as long as the book says
--        7 metadata as JSON or ''  8 most records that may wait in the outbox
-- Effect the coupon as it is after the step, and its record; an unlock of what is not locked changes nothing.
-- Result {'no-such-book'} · {'no-such-coupon'}: also one that is somebody else's · {'coupon-expired'} · {'coupon-locked'}
--        {'limit-reached'} · {'state-move', from, to} · {'outbox-full'}
--        {'done', ordinal (0 when nothing changed), now_ms, coupon…}, the coupon as part "book" stores it, '' for one that went
--        back to the free ones
assert(#KEYS == 8 and #ARGV == 8, 'step_coupon: 8 keys and 8 arguments')
local keys = {
  event = KEYS[1], counts = KEYS[2], outbox = KEYS[3], book = KEYS[4], free = KEYS[5], assigned = KEYS[6],
}
local holders, redeemers = KEYS[7], KEYS[8]
local by, step, code, holder, token, lock_ms, metadata, most_records = unpack(ARGV)
local now_ms = to_ms(now_us())
local book = read_book(keys)
if not book then
  return { 'no-such-book' }
end
local coupon = read_coupon(keys, code)
if not coupon and holder == '' and redis.call('SISMEMBER', keys.free, code) == 1 then
  return { 'state-move', 'unassigned', book.on_cancel == 'keep' and 'expired' or 'unassigned' }
elseif not coupon or (holder ~= '' and holder ~= coupon.holder) then
  return { 'no-such-coupon' }
elseif coupon.cancelled or is_over(book, now_ms) then
  return { 'coupon-expired' }
end
local from = state_of(book, coupon, now_ms)
local barred = from == 'locked' and token ~= coupon.token

-- What the coupon becomes, or why not.
local function refusal()
  local to = ({ lock = 'locked', unlock = 'assigned', redeem = 'redeemed' })[step]
  if step == 'cancel' then
    return nil
  elseif from == 'redeemed' then
    return { 'state-move', from, to }
  elseif barred or (step == 'lock' and from == 'locked') then
    return { 'coupon-locked' }
  elseif step == 'redeem' and book.per_person_uses
    and tonumber(redis.call('HGET', redeemers, coupon.holder) or '0') >= book.per_person_uses then
    return { 'limit-reached' }
  end
end

local refused = refusal()
if refused then
  return refused
elseif step == 'unlock' and from ~= 'locked' then
  return { 'done', 0, now_ms, coupon_text(coupon) }
elseif is_full(keys, most_records) then
  return { 'outbox-full', again = true }
end

-- Takes the coupon from its holder. One that goes back counts as never used.
local function cancel()
  redis.call('HINCRBY', holders, coupon.holder, -1)
  if book.on_cancel == 'keep' then
    coupon.cancelled = true
    return
  end
  redis.call('HINCRBY', redeemers, coupon.holder, string.format('%d', -coupon.uses))
  redis.call('HDEL', keys.assigned, code)
  redis.call('SADD', keys.free, code)
  coupon.uses = 0
end

coupon.until_ms, coupon.token = 0, '-'
if step == 'lock' then
  coupon.until_ms, coupon.token = now_ms + (tonumber(lock_ms) or book.lock_s * 1000), token
elseif step == 'redeem' then
  coupon.uses = coupon.uses + 1
  redis.call('HINCRBY', redeemers, coupon.holder, 1)
elseif step == 'cancel' then
  cancel()
end
local NAMES = { lock = 'locked', unlock = 'unlocked', redeem = 'redeemed', cancel = 'cancelled' }
local returned = step == 'cancel' and not coupon.cancelled
local to = returned and 'unassigned' or state_of(book, coupon, now_ms)
local text = ''
if not returned then
  text = coupon_text(coupon)
  redis.call('HSET', keys.assigned, code, text)
end
local ordinal = append_step(keys, now_ms, coupon, NAMES[step], by, from, to, metadata)
return { 'done', ordinal, now_ms, text }
