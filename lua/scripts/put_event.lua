-- put_event: makes an event, or changes the definition and the pace of one.
--
-- KEYS   1 event  2 counts  3 stock  4 places  5 seq  6 moves  7 pace  8 outbox  9 audit
--        10 passed  11 grace  12 seen  13 draw  14 secrets  15 book  16 free
-- ARGV   1 by  2 version: the one that the rest was merged from, 0 for a new event
--        3 definition  4 on_sold_out  5 lobby_at  6 opens_at  7 closes_at  8 phase  9 total  11 capacity
--        10 rate, and behind it the ramp to it, if one runs: `rate` or `rate from since_ms until_ms`
--        12 ticket_ttl_s  13 line: 1, or 0 for a direct event  14 given: 1 when it issues the given codes of its book, or '';
--        times in ms or ''
--        15 the secrets of its entry keys as JSON, '' to leave them alone: they are in no audit entry, record or result
-- Effect an event that is there keeps its phase and, past draft, its stock. What differs is written with an audit entry, an
--        `event.changed` record and a move; the same again changes nothing. A new event of given codes has as many coupons as
--        codes are free, all of them: it is a conflict when there are others, when some are kept for a distribution, or when
--        an upload is still carried in.
-- Result {'created', fields…} · {'held', fields…} in the order of `shown` in part "event" · {'conflict'}
assert(#KEYS == 16 and #ARGV == 15, 'put_event: 16 keys and 15 arguments')
local keys = {
  event = KEYS[1], counts = KEYS[2], stock = KEYS[3], places = KEYS[4], seq = KEYS[5], moves = KEYS[6], pace = KEYS[7],
  outbox = KEYS[8], audit = KEYS[9], passed = KEYS[10], grace = KEYS[11], seen = KEYS[12], draw = KEYS[13],
}
local by, version = ARGV[1], ARGV[2]
local now = now_us()
local put = given_event(3)

local held = read_event(keys)
if version ~= (held and held.version or '0') then
  return { 'conflict' }
end
if not held and put.given == '1' then
  local reserved, coming = unpack(redis.call('HMGET', KEYS[15], 'reserved', 'coming'))
  if coming or tonumber(reserved or '0') > 0 or redis.call('SCARD', KEYS[16]) ~= put.remaining then
    return { 'conflict' }
  end
end
local new_secrets = ARGV[15] ~= '' and ARGV[15] ~= redis.call('GET', KEYS[14])
if new_secrets then
  redis.call('SET', KEYS[14], ARGV[15])
end
if not held then
  if put.phase == 'closed' then
    put.ended = 'closed'
  end
  redis.call('SET', keys.stock, put.total)
  settle(keys.pace, 0, now)
  if put.phase ~= 'draft' and put.phase ~= 'lobby' then
    begin_draw(keys, put, now)
  end
  write_event(keys, put, now, by, 'created', 'null', event_json(put))
  return { 'created', unpack(shown(put, now)) }
end

for _, field in ipairs({ 'phase', 'ended', 'version', 'epoch', 'brake' }) do
  put[field] = held[field]
end
if held.phase ~= 'draft' then
  put.total, put.remaining = held.total, held.remaining
end
end_ramp(held, now)
end_ramp(put, now)
local differs = new_secrets
for _, field in ipairs(FIELDS) do
  differs = differs or put[field] ~= held[field]
end
if differs then
  if ADMITS[held.phase] and (put.rate ~= held.rate or put.ramp ~= held.ramp) then
    settle(keys.pace, tokens_at(keys.pace, held, now), now)
  end
  if held.phase == 'draft' then
    redis.call('SET', keys.stock, put.total)
  end
  write_event(keys, put, now, by, 'changed', event_json(held), event_json(put))
  end_if_hopeless(keys, put, now)
end
return { 'held', unpack(shown(put, now)) }
