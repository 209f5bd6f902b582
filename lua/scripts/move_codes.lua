-- move_codes: carries the upload that was decided on (add_codes) one step further into its book. The steps are small, so that
-- the store serves everybody else in between, and anyone may go on with them: what was begun is finished.
--
-- KEYS   1 event  2 counts  3 outbox  4 book  5 free  6 coming  7 coming pieces  8 stock  9 seq  10 moves  11 audit
-- ARGV   1 most pieces of the step
-- Effect the codes of the next pieces are free, with a `book.codes-added` record for each. With the last one the stock of an event
--        that issues them rises by the whole upload, as by `add_stock`.
-- Result {'moved', how many pieces are left, the last record's ordinal}; nothing is left when no upload is carried in
assert(#KEYS == 11 and #ARGV == 1, 'move_codes: 11 keys and a bound')
local keys = {
  event = KEYS[1], counts = KEYS[2], outbox = KEYS[3], book = KEYS[4], free = KEYS[5], stock = KEYS[8], seq = KEYS[9],
  moves = KEYS[10], audit = KEYS[11],
}
local coming, pieces = KEYS[6], KEYS[7]
local codes, by = unpack(redis.call('HMGET', keys.book, 'coming', 'coming_by'))
if codes then
  local now = now_us()
  local moved = redis.call('LRANGE', pieces, 0, ARGV[1] - 1)
  for _, piece in ipairs(moved) do
    -- The first of these is what a full Redis refuses: then nothing has happened.
    redis.call('SADD', keys.free, unpack(cjson.decode(piece)))
    append_fact(keys, to_ms(now), 'codes', 'codes', piece)
  end
  redis.call('LTRIM', pieces, #moved, -1)
  if redis.call('EXISTS', pieces) == 0 then
    redis.call('UNLINK', coming)
    redis.call('HDEL', keys.book, 'coming', 'coming_by')
    local event = read_event(keys)
    if event and event.given == '1' then
      raise_stock(keys, event, codes, now, by)
    end
  end
end
return { 'moved', redis.call('LLEN', pieces), tonumber(redis.call('HGET', keys.counts, 'records') or '0') }
