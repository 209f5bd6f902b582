-- Part "book": a book's rules, its coupons, and the record of every step.
-- Functions take `keys`: {event, counts, outbox, book, free, assigned}.

-- The book's rules as numbers (`expires_ms` and `per_person_uses` may be nil), or nil when there is no such book.
local function read_book(keys)
  local held = redis.call('HMGET', keys.book, 'expires_ms', 'per_person', 'uses', 'per_person_uses', 'lock_s', 'on_cancel')
  if not held[2] then
    return nil
  end
  return {
    expires_ms = tonumber(held[1]), per_person = tonumber(held[2]), uses = tonumber(held[3]),
    per_person_uses = tonumber(held[4]), lock_s = tonumber(held[5]), on_cancel = held[6],
  }
end

-- A coupon that left the free ones, or nil: stored as "uses assigned_ms until_ms token cancelled holder", `-` for no token.
local function read_coupon(keys, code)
  local held = redis.call('HGET', keys.assigned, code)
  if not held then
    return nil
  end
  local uses, assigned_ms, until_ms, token, cancelled, holder =
    string.match(held, '^(%d+) (%d+) (%d+) (%S+) (%d) (.*)$')
  return {
    code = code, uses = tonumber(uses), assigned_ms = assigned_ms, until_ms = tonumber(until_ms), token = token,
    cancelled = cancelled == '1', holder = holder,
  }
end

local function coupon_text(coupon)
  return string.format('%d %s %d %s %s %s', coupon.uses, coupon.assigned_ms, coupon.until_ms, coupon.token,
    coupon.cancelled and '1' or '0', coupon.holder)
end

local function is_over(book, now_ms)
  return book.expires_ms ~= nil and book.expires_ms <= now_ms
end

-- Where a coupon stands; the same as `domain::book::Coupon::state`.
local function state_of(book, coupon, now_ms)
  local used_up = coupon.uses >= book.uses
  if coupon.cancelled or (not used_up and is_over(book, now_ms)) then
    return 'expired'
  elseif used_up then
    return 'redeemed'
  elseif coupon.until_ms > now_ms then
    return 'locked'
  end
  return 'assigned'
end

-- Appends a record with its own fields (`…`) after the common ones; gives its ordinal.
local function append_record(keys, fact, now_ms, ...)
  local ordinal = redis.call('HINCRBY', keys.counts, 'records', 1)
  local epoch = redis.call('HGET', keys.event, 'epoch') or '1'
  redis.call('XADD', keys.outbox, ordinal .. '-0', 'fact', fact, 'at', now_ms, 'epoch', epoch, ...)
  return ordinal
end

-- Appends the record of a coupon's step.
local function append_step(keys, now_ms, coupon, step, by, from, to, metadata)
  return append_record(keys, 'step', now_ms, 'step', step, 'code', coupon.code, 'holder', coupon.holder, 'from', from,
    'to', to, 'by', by, 'uses', coupon.uses, 'until', coupon.until_ms, 'metadata', metadata)
end
