-- admit: one round of admission, by the store's clock; any number of callers may run it at any time.
--
-- KEYS   1 event  2 counts  3 stock  4 places  5 seq  6 admitted  7 tickets  8 gone  9 outstanding  10 unminted
--        11 moves  12 pace  13 outbox  14 audit  15 passed  16 grace  17 seen  18 draw  19 strain  20 book
-- ARGV   1 kid: the key that will sign the tickets  2 most: at most so many are let in
--        3 the share of redeems that may not fail for long, '' for any  4 most records that may wait in the outbox
-- Effect 1. a phase move whose time has come is made (audit: by "schedule"), and a step of the brake (audit: by "brake"); an event
--           that issues given codes closes when their book ends at the latest (audit: by "book")
--        2. tickets that ended unused are swept: the place is gone (no-show), its room in `capacity` is free; so are those who
--           were passed over and not seen again within `grace_s`
--        3. min(tokens, capacity − outstanding, stock − outstanding, waiting, most) of those who are there are let in from the
--           head; those before them who are absent are passed over
--        While the lobby is being drawn nobody is let in; while the outbox is full nobody is let in, swept or passed over.
-- Result {'no-such-event'} or
--        {'round', admitted, unminted, no_shows, next_in_ms, drawing, divisor, full}: the first two are flat lists of
--        place, "seq admitted_ms expires_ms kid"; `unminted` were let in over a second ago and have no ticket yet;
--        `drawing` is 1 while the lobby is to be drawn; the brake divides the rate by `divisor`; `full` is 1 while the
--        outbox is
assert(#KEYS == 20 and #ARGV == 4, 'admit: 20 keys, a kid, a number, a share and a bound')
local keys = {
  event = KEYS[1], counts = KEYS[2], stock = KEYS[3], places = KEYS[4], seq = KEYS[5], admitted = KEYS[6],
  tickets = KEYS[7], gone = KEYS[8], outstanding = KEYS[9], unminted = KEYS[10], moves = KEYS[11], pace = KEYS[12],
  outbox = KEYS[13], audit = KEYS[14], passed = KEYS[15], grace = KEYS[16], seen = KEYS[17], draw = KEYS[18],
  strain = KEYS[19], book = KEYS[20],
}
local kid, most, most_failed = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local now = now_us()
local now_ms = to_ms(now)

-- How many are swept, handed out again for minting, and passed over in one round: keeps a round short whatever piled up.
local MOST_SWEPT, MOST_UNMINTED, MOST_PASSED = 500, 500, 500
-- After this time without a ticket in the store its minter is taken for dead, and another mints it again.
local MINTING_MS = 1000
-- When to ask again, in milliseconds: not faster than a round is worth, not slower than a newcomer should notice; when the
-- capacity is used up, soon, because any redeem makes room; more seldom while nobody is let in. When there is nobody to
-- serve, hardly ever: whoever enters, and whatever changes the event, wakes admission.
local SOONEST_MS, FULL_MS, LATEST_MS, IDLE_MS, ASLEEP_MS = 20, 50, 250, 500, 600000
-- A brake that is on is looked after although nobody is to be served.
local BRAKED_MS = 1000

local event = read_event(keys)
if not event then
  return { 'no-such-event' }
end

-- When it closes, in ms, or '', and by whom: at its own time, or before that with the book whose codes it issues.
local function closing()
  local book = event.given == '1' and redis.call('HGET', keys.book, 'expires_ms') or ''
  if book ~= '' and (event.closes_at == '' or tonumber(book) < tonumber(event.closes_at)) then
    return book, 'book'
  end
  return event.closes_at, 'schedule'
end
local closes_at, closed_by = closing()

-- Makes the phase moves whose time has come: a draft becomes a lobby, a lobby opens, anything but a draft closes.
local function follow_schedule()
  local function due(at)
    return at ~= '' and tonumber(at) <= now_ms
  end
  if event.phase == 'draft' and due(event.lobby_at) then
    enter_phase(keys, event, now, 'lobby', 'schedule')
  end
  if event.phase == 'lobby' and due(event.opens_at) then
    enter_phase(keys, event, now, 'open', 'schedule')
    end_if_hopeless(keys, event, now)
  end
  if event.phase ~= 'draft' and event.phase ~= 'closed' and due(closes_at) then
    enter_phase(keys, event, now, 'closed', closed_by)
  end
end

-- Cuts a pause short where a phase move or a step of the brake comes due within it.
local function until_due(pause_ms)
  if event.brake ~= '' then
    pause_ms = math.min(pause_ms, BRAKED_MS)
  end
  local next_at = { draft = event.lobby_at, lobby = event.opens_at }
  for _, at in ipairs({ next_at[event.phase] or '', event.phase ~= 'draft' and closes_at or '' }) do
    if at ~= '' then
      pause_ms = math.min(pause_ms, math.max(SOONEST_MS, at - now_ms))
    end
  end
  return pause_ms
end

-- Lets go of those whose ticket ended unused; gives their number.
local function sweep()
  local ended = redis.call('ZRANGEBYSCORE', keys.outstanding, '-inf', now_ms, 'LIMIT', 0, MOST_SWEPT)
  if #ended == 0 then
    return 0
  end
  local gone, seqs = {}, {}
  for i, record in ipairs(redis.call('HMGET', keys.admitted, unpack(ended))) do
    seqs[i] = string.match(record, '^%S+')
    gone[2 * i - 1] = ended[i]
    gone[2 * i] = 'no-show'
  end
  for _, key in ipairs({ keys.admitted, keys.tickets }) do
    redis.call('HDEL', key, unpack(ended))
  end
  for _, key in ipairs({ keys.outstanding, keys.unminted }) do
    redis.call('ZREM', key, unpack(ended))
  end
  bulk('HSET', keys.gone, gone)
  redis.call('HINCRBY', keys.counts, 'no_shows', #ended)
  append_record(keys, now_ms, event.epoch, 'gone', 'reason', 'no-show', 'places', table.concat(ended, ','))
  append_move(keys, now_ms, 'gone', 'reason', 'no-show', 'seqs', table.concat(seqs, ','))
  return #ended
end

-- Lets go of those who were passed over and did not come back in time; gives their number.
local function sweep_absent()
  local over = redis.call('ZRANGEBYSCORE', keys.grace, '-inf', now_ms, 'LIMIT', 0, MOST_SWEPT)
  if #over == 0 then
    return 0
  end
  local gone = {}
  for i, place in ipairs(over) do
    gone[2 * i - 1], gone[2 * i] = place, 'no-show'
  end
  local seqs = redis.call('ZMSCORE', keys.passed, unpack(over))
  forget_presence(keys, over)
  bulk('HSET', keys.gone, gone)
  redis.call('HINCRBY', keys.counts, 'no_shows', #over)
  append_record(keys, now_ms, event.epoch, 'gone', 'reason', 'no-show', 'places', table.concat(over, ','))
  append_move(keys, now_ms, 'gone', 'reason', 'no-show', 'seqs', table.concat(seqs, ','))
  return #over
end

-- Walks the line from its head until `count` are found who are there; gives them and the absent before them, each as
-- place, seq, flat. Stops at one who is not seen and was not near for long enough to be judged.
local function walk(count, presence_s)
  local judged = judged_up_to(keys, fastest(event, now), now_ms)
  local there, absent, from = {}, {}, 0
  while true do
    local some = redis.call('ZRANGE', keys.places, from, from + math.min(500, count + 15), 'WITHSCORES')
    if #some == 0 then
      return there, absent
    end
    from = from + #some / 2
    local names = {}
    for i = 1, #some, 2 do
      names[#names + 1] = some[i]
    end
    for i, seen_ms in ipairs(redis.call('HMGET', keys.seen, unpack(names))) do
      local place, seq = some[2 * i - 1], some[2 * i]
      local found
      if seen_ms and now_ms - seen_ms <= presence_s * 1000 then
        found = there
      elseif tonumber(seq) <= judged then
        found = absent
      else
        return there, absent
      end
      found[#found + 1], found[#found + 2] = place, seq
      if #there == 2 * count or #absent == 2 * MOST_PASSED then
        return there, absent
      end
    end
  end
end

-- Passes over the absent (place, seq, flat), who keep the right to be next for a while.
local function pass_over(absent, grace_s)
  local places, untils, seqs, scored = {}, {}, {}, {}
  for i = 1, #absent, 2 do
    local place, seq = absent[i], absent[i + 1]
    places[#places + 1], seqs[#seqs + 1] = place, seq
    scored[i], scored[i + 1] = seq, place
    untils[i], untils[i + 1] = now_ms + grace_s * 1000, place
  end
  bulk('ZREM', keys.places, places)
  bulk('ZADD', keys.passed, scored)
  bulk('ZADD', keys.grace, untils)
  append_move(keys, now_ms, 'passed', 'seqs', table.concat(seqs, ','))
end

-- Lets in the heads of the line (place, seq, flat); gives places and records, flat.
local function let_in(heads)
  -- A ticket ends on a whole second, because its `exp` claim counts seconds.
  local expires_ms = math.ceil((now_ms + event.ticket_ttl_s * 1000) / 1000) * 1000
  local tail = string.format(' %d %d %s', now_ms, expires_ms, kid)
  local records, ends, handed, seqs, places = {}, {}, {}, {}, {}
  for i = 1, #heads, 2 do
    local place, seq = heads[i], heads[i + 1]
    records[i], records[i + 1] = place, seq .. tail
    ends[i], ends[i + 1] = expires_ms, place
    handed[i], handed[i + 1] = now_ms, place
    places[#places + 1], seqs[#seqs + 1] = place, seq
  end
  bulk('ZREM', keys.places, places)
  forget_presence(keys, places)
  bulk('HSET', keys.admitted, records)
  bulk('ZADD', keys.outstanding, ends)
  bulk('ZADD', keys.unminted, handed)
  redis.call('HINCRBY', keys.counts, 'admitted', #seqs)
  append_record(keys, now_ms, event.epoch, 'admitted', 'expires', expires_ms, 'kid', kid,
    'places', table.concat(places, ','), 'seqs', table.concat(seqs, ','))
  append_move(keys, now_ms, 'admitted', 'seqs', table.concat(seqs, ','))
  return records
end

-- Those whose minter seems dead, flat; they are not handed out again for as long as a minter may take.
local function unminted()
  local late = redis.call('ZRANGEBYSCORE', keys.unminted, '-inf', now_ms - MINTING_MS, 'LIMIT', 0, MOST_UNMINTED)
  if #late == 0 then
    return {}
  end
  local records, handed = {}, {}
  for i, record in ipairs(redis.call('HMGET', keys.admitted, unpack(late))) do
    records[2 * i - 1], records[2 * i] = late[i], record
    handed[2 * i - 1], handed[2 * i] = now_ms, late[i]
  end
  bulk('ZADD', keys.unminted, handed)
  return records
end

-- What this round tells.
local function told(admitted, late, no_shows, pause_ms, drawing, full)
  return { 'round', admitted, late, no_shows, until_due(pause_ms), drawing or 0, divisor_of(event), full or 0 }
end

follow_schedule()
step_brake(keys, event, now, most_failed)
if event.phase == 'closed' then
  -- Whoever is still in line or holds a ticket is gone with the event; nothing moves any more.
  return told({}, {}, 0, ASLEEP_MS)
end
if event.line == '0' then
  -- A direct event has nobody in line: only its schedule is followed.
  return told({}, {}, 0, ASLEEP_MS)
end
if is_full(keys, ARGV[4]) then
  -- Nobody whose ticket could not be redeemed is let in, nor anything done to the line that no record would tell of.
  return told({}, unminted(), 0, LATEST_MS, 0, 1)
end
local no_shows = sweep()
if event.ended ~= '' then
  local served = redis.call('EXISTS', keys.outstanding) == 0
  return told({}, unminted(), no_shows, served and ASLEEP_MS or IDLE_MS)
end
no_shows = no_shows + sweep_absent()
if redis.call('HGET', keys.draw, 'state') == 'going' then
  return told({}, unminted(), no_shows, LATEST_MS, 1)
end
local waiting = redis.call('ZCARD', keys.places)
if waiting > 0 then
  -- Also while nobody is let in, so that the absent are known by the time it begins.
  judged_up_to(keys, fastest(event, now), now_ms)
end
if redis.call('EXISTS', keys.places, keys.outstanding, keys.grace) == 0 then
  return told({}, {}, no_shows, ASLEEP_MS)
end
if not ADMITS[event.phase] then
  return told({}, unminted(), no_shows, IDLE_MS)
end

local rate, tokens = rate_at(event, now), tokens_at(keys.pace, event, now)
local outstanding = redis.call('ZCARD', keys.outstanding)
local for_capacity, for_stock = event.capacity - outstanding, event.remaining - outstanding
local count = math.max(0, math.min(math.floor(tokens), for_capacity, for_stock, waiting, most))
local late, admitted, passed = unminted(), {}, 0
if count > 0 then
  local settings = cjson.decode(event.definition)
  local there, absent = walk(count, settings.presence_s)
  if #absent > 0 then
    pass_over(absent, settings.grace_s)
    passed = #absent / 2
  end
  if #there > 0 then
    admitted = let_in(there)
    tokens = tokens - #there / 2
    settle(keys.pace, tokens, now)
  end
end

-- When somebody may be let in next.
local function next_in_ms()
  if passed >= MOST_PASSED then
    return 0
  elseif #admitted < 2 * count or count == waiting or count >= for_stock or rate == 0 then
    return LATEST_MS
  elseif count == for_capacity then
    return FULL_MS
  elseif tokens >= 1 then
    return 0
  end
  return math.min(LATEST_MS, math.max(SOONEST_MS, math.ceil((1 - tokens) * 1000 / rate)))
end
return told(admitted, late, no_shows, next_in_ms())
