-- deal: gives each of some users one coupon more of a book, as a round of the job that has the turn.
--
-- KEYS   1 event  2 counts  3 outbox  4 book  5 free  6 assigned  7 holders  8 dealt: what each user got of this job (hash)
-- ARGV   1 job  2 by  3 the round: whoever got as many coupons of this job already gets none
--        4 most records that may wait in the outbox  5… users
-- Effect a random code for each user who may have one more, with a `coupon.assigned` record that names the job; for the others
--        who have got none, `dealt` holds why. The same again changes nothing.
-- Result {'gone'}: the job has not the turn · {'outbox-full'} · {'dealt', how many of the users have got so many coupons by now,
--        the last record's ordinal or 0}
assert(#KEYS == 8 and #ARGV > 4, 'deal: 8 keys, a job, a name, a round, a bound and users')
local keys = {
  event = KEYS[1], counts = KEYS[2], outbox = KEYS[3], book = KEYS[4], free = KEYS[5], assigned = KEYS[6], holders = KEYS[7],
}
local dealt = KEYS[8]
local job, by, round = ARGV[1], ARGV[2], tonumber(ARGV[3])
if redis.call('HGET', keys.book, 'job') ~= job then
  return { 'gone' }
elseif is_full(keys, ARGV[4]) then
  return { 'outbox-full' }
end
local now_ms = to_ms(now_us())
local book = read_book(keys)
local metadata = cjson.encode({ job = job })
local have, ordinal = 0, 0

-- Gives the holder a random code; or says why not.
local function give(holder)
  if is_over(book, now_ms) then
    return nil, 'coupon-expired'
  elseif not may_have_more(keys, book, holder) then
    return nil, 'limit-reached'
  end
  local code = not book.for_event and redis.call('SPOP', keys.free)
  if not code then
    return nil, 'none-left'
  end
  ordinal = assign_code(keys, now_ms, code, holder, by, metadata)
  book.reserved = math.max(book.reserved - 1, 0)
  return code
end

for i = 5, #ARGV do
  -- The codes with a blank before each; or, without a blank, why there are none.
  local held = redis.call('HGET', dealt, ARGV[i]) or ''
  local _, count = string.gsub(held, ' ', ' ')
  if count < round then
    local code, why = give(ARGV[i])
    if code then
      redis.call('HSET', dealt, ARGV[i], (count > 0 and held or '') .. ' ' .. code)
      count = count + 1
    elseif count == 0 then
      redis.call('HSET', dealt, ARGV[i], why)
    end
  end
  have = have + (count >= round and 1 or 0)
end
redis.call('HSET', keys.book, 'reserved', string.format('%d', book.reserved))
return { 'dealt', have, ordinal }
