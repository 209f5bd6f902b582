-- admit: one round of admission, by the store's clock; any number of callers may run it at any time.
--
-- KEYS   1 event  2 counts  3 stock  4 places  5 seq  6 admitted  7 tickets  8 gone  9 outstanding  10 unminted
--        11 moves  12 pace  13 outbox  14 audit
-- ARGV   1 kid: the key that will sign the tickets  2 most: at most so many are let in
-- Effect 1. a phase move whose time has come is made (audit: by "schedule")
--        2. tickets that ended unused are swept: the place is gone (no-show), its room in `capacity` is free
--        3. min(tokens, capacity − outstanding, stock − outstanding, waiting, most) are let in from the head
-- Result {'no-such-event'} or
--        {'round', admitted, unminted, no_shows, next_in_ms}: the first two are flat lists of
--        place, "seq admitted_ms expires_ms kid"; `unminted` were let in over a second ago and have no ticket yet
assert(#KEYS == 14 and #ARGV == 2, 'admit: 14 keys, a kid and a number')
local keys = {
  event = KEYS[1], counts = KEYS[2], stock = KEYS[3], places = KEYS[4], seq = KEYS[5], admitted = KEYS[6],
  tickets = KEYS[7], gone = KEYS[8], outstanding = KEYS[9], unminted = KEYS[10], moves = KEYS[11], pace = KEYS[12],
  outbox = KEYS[13], audit = KEYS[14],
}
local kid, most = ARGV[1], tonumber(ARGV[2])
local now = now_us()
local now_ms = to_ms(now)

-- How many are swept, and handed out again for minting, in one round: keeps a round short whatever piled up.
local MOST_SWEPT, MOST_UNMINTED = 500, 500
-- After this time without a ticket in the store its minter is taken for dead, and another mints it again.
local MINTING_MS = 1000
-- When to ask again, in milliseconds: not faster than a round is worth, not slower than a newcomer should notice; when the
-- capacity is used up, soon, because any redeem makes room; more seldom while nobody is let in, hardly ever when it is over.
local SOONEST_MS, FULL_MS, LATEST_MS, IDLE_MS, OVER_MS = 20, 50, 250, 500, 5000

local event = read_event(keys)
if not event then
  return { 'no-such-event' }
end

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
  if event.phase ~= 'draft' and event.phase ~= 'closed' and due(event.closes_at) then
    enter_phase(keys, event, now, 'closed', 'schedule')
  end
end

-- Cuts a pause short where a phase move comes due within it.
local function until_due(pause_ms)
  local next_at = { draft = event.lobby_at, lobby = event.opens_at }
  local closes_at = event.phase ~= 'draft' and event.closes_at or ''
  for _, at in ipairs({ next_at[event.phase] or '', closes_at }) do
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
  append_move(keys, now_ms, 'gone', 'reason', 'no-show', 'seqs', table.concat(seqs, ','))
  return #ended
end

-- Lets in `count` from the head of the line; gives places and records, flat.
local function let_in(count)
  -- A ticket ends on a whole second, because its `exp` claim counts seconds.
  local expires_ms = math.ceil((now_ms + event.ticket_ttl_s * 1000) / 1000) * 1000
  local tail = string.format(' %d %d %s', now_ms, expires_ms, kid)
  local heads = redis.call('ZPOPMIN', keys.places, count)
  local records, ends, handed, seqs = {}, {}, {}, {}
  for i = 1, #heads, 2 do
    local place, seq = heads[i], heads[i + 1]
    records[i], records[i + 1] = place, seq .. tail
    ends[i], ends[i + 1] = expires_ms, place
    handed[i], handed[i + 1] = now_ms, place
    seqs[#seqs + 1] = seq
  end
  bulk('HSET', keys.admitted, records)
  bulk('ZADD', keys.outstanding, ends)
  bulk('ZADD', keys.unminted, handed)
  redis.call('HINCRBY', keys.counts, 'admitted', #seqs)
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

follow_schedule()
if event.phase == 'closed' then
  -- Whoever is still in line or holds a ticket is gone with the event; nothing moves any more.
  return { 'round', {}, {}, 0, OVER_MS }
end
if event.line == '0' then
  -- A direct event has nobody in line: only its schedule is followed.
  return { 'round', {}, {}, 0, until_due(OVER_MS) }
end
local no_shows = sweep()
if not ADMITS[event.phase] or event.ended ~= '' then
  return { 'round', {}, unminted(), no_shows, until_due(IDLE_MS) }
end

local rate = tonumber(event.rate)
local tokens = tokens_at(keys.pace, rate, now)
local outstanding = redis.call('ZCARD', keys.outstanding)
local waiting = redis.call('ZCARD', keys.places)
local for_capacity, for_stock = event.capacity - outstanding, event.remaining - outstanding
local count = math.max(0, math.min(math.floor(tokens), for_capacity, for_stock, waiting, most))
local late, admitted = unminted(), {}
if count > 0 then
  admitted = let_in(count)
  tokens = tokens - count
  settle(keys.pace, tokens, now)
end

-- When somebody may be let in next.
local function next_in_ms()
  if count == waiting or count >= for_stock or rate == 0 then
    return LATEST_MS
  elseif count == for_capacity then
    return FULL_MS
  elseif tokens >= 1 then
    return 0
  end
  return math.min(LATEST_MS, math.max(SOONEST_MS, math.ceil((1 - tokens) * 1000 / rate)))
end
return { 'round', admitted, late, no_shows, until_due(next_in_ms()) }
