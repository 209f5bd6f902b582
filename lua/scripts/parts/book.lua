-- Part "book": a book's rules, its coupons, and the record of every step. Wants part "records".
-- Functions take `keys`: {event, counts, outbox, book, free, assigned}; `assign_code` also {holders}.

-- Writes the rules down that the arguments from `first` on hold: JSON, and what scripts decide by.
local function write_rules(keys, first)
  redis.call('HSET', keys.book, 'rules', ARGV[first], 'expires_ms', ARGV[first + 1], 'per_person', ARGV[first + 2],
    'uses', ARGV[first + 3], 'per_person_uses', ARGV[first + 4], 'lock_s', ARGV[first + 5], 'on_cancel', ARGV[first + 6],
    'ack', ARGV[first + 7])
end

-- The book's rules as numbers (`expires_ms` and `per_person_uses` may be nil), or nil when there is no such book; `ack` is '' where
-- the installation's level holds. When the event of the same id issues its codes, they are kept for it, and one that was cancelled
-- never comes back.
local function read_book(keys)
  local held = redis.call('HMGET', keys.book, 'expires_ms', 'per_person', 'uses', 'per_person_uses', 'lock_s', 'on_cancel',
    'reserved', 'ack')
  if not held[2] then
    return nil
  end
  local for_event = redis.call('HGET', keys.event, 'given') == '1'
  return {
    expires_ms = tonumber(held[1]), per_person = tonumber(held[2]), uses = tonumber(held[3]),
    per_person_uses = tonumber(held[4]), lock_s = tonumber(held[5]), on_cancel = for_event and 'keep' or held[6],
    reserved = tonumber(held[7] or '0'), ack = held[8] or '', for_event = for_event,
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

-- Appends a record of the book, whose epoch is that of the event of the same id; gives its ordinal.
local function append_fact(keys, now_ms, fact, ...)
  keys.epoch = keys.epoch or redis.call('HGET', keys.event, 'epoch') or INCARNATION
  return append_record(keys, now_ms, keys.epoch, fact, ...)
end

-- Appends the record of a coupon's step.
local function append_step(keys, now_ms, coupon, step, by, from, to, metadata)
  return append_fact(keys, now_ms, 'step', 'step', step, 'code', coupon.code, 'holder', coupon.holder, 'from', from,
    'to', to, 'by', by, 'uses', coupon.uses, 'until', coupon.until_ms, 'metadata', metadata)
end

-- Makes a code that has left the free ones the holder's; gives the ordinal of the record.
local function assign_code(keys, now_ms, code, holder, by, metadata)
  local coupon = {
    code = code, uses = 0, assigned_ms = string.format('%d', now_ms), until_ms = 0, token = '-', cancelled = false,
    holder = holder,
  }
  redis.call('HINCRBY', keys.holders, holder, 1)
  redis.call('HSET', keys.assigned, code, coupon_text(coupon))
  return append_step(keys, now_ms, coupon, 'assigned', by, 'unassigned', 'assigned', metadata)
end

-- May the holder have one coupon more?
local function may_have_more(keys, book, holder)
  return tonumber(redis.call('HGET', keys.holders, holder) or '0') < book.per_person
end
