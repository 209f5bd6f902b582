-- Part "event": an event as it stands, its place in its life, and what every change of it leaves behind.
-- Functions take `keys`: {event, counts, stock, seq, places, moves, pace, outbox, audit}; those that may open a line also
-- {passed, grace, seen, draw}.

local FIELDS = {
  'definition', 'on_sold_out', 'lobby_at', 'opens_at', 'closes_at',
  'phase', 'ended', 'total', 'rate', 'capacity', 'ticket_ttl_s', 'version', 'epoch', 'line', 'given',
  'ramp', 'brake',
}
local ADMITS = { open = true, draining = true }

-- The event, or nil. All fields are text as stored, '' for one that an event made by an earlier version does not have;
-- `remaining` is a number.
local function read_event(keys)
  local held = redis.call('HMGET', keys.event, unpack(FIELDS))
  if not held[1] then
    return nil
  end
  local event = {}
  for i, field in ipairs(FIELDS) do
    event[field] = held[i] or ''
  end
  event.remaining = tonumber(redis.call('GET', keys.stock) or '0')
  return event
end

-- A new event, in an epoch that never was before, from arguments as `events::with_event` writes them, the first at `at`.
local function given_event(at)
  local event = { ended = '', version = '0', epoch = INCARNATION, brake = '', remaining = tonumber(ARGV[at + 6]) }
  for i, field in ipairs({
    'definition', 'on_sold_out', 'lobby_at', 'opens_at', 'closes_at', 'phase', 'total', 'rate', 'capacity', 'ticket_ttl_s', 'line',
    'given',
  }) do
    event[field] = ARGV[at + i - 1]
  end
  -- The ramp of a rate stands behind it.
  event.rate, event.ramp = string.match(event.rate, '^(%S+) ?(.*)$')
  return event
end

-- The event as every caller reads it back; the order is that of `events::live_event`.
local function shown(event, now)
  end_ramp(event, now)
  return {
    event.definition, event.phase, event.ended, event.total, event.rate, event.ramp, event.capacity, event.ticket_ttl_s,
    event.version, event.epoch, event.remaining, to_ms(now), shown_rate(event, now), event.brake,
  }
end

-- The pace, and `ramp` as one more field behind it.
local function pace_with(event, ramp)
  return '{"rate_per_s":' .. event.rate .. ',"capacity":' .. event.capacity
    .. ',"ticket_ttl_s":' .. event.ticket_ttl_s .. ramp .. '}'
end

-- The pace as `domain::event::Admission` is written in JSON.
local function admission_json(event)
  local from, since_ms, until_ms = string.match(event.ramp, '^(%S+) (%S+) (%S+)$')
  return pace_with(event, from
    and ',"ramp":{"from_per_s":' .. from .. ',"since_ms":' .. since_ms .. ',"until_ms":' .. until_ms .. '}' or '')
end

-- The pace as the audit tells it.
local function pace_json(event)
  local from, since, ends = ramp_of(event)
  return pace_with(event, from and string.format(',"ramp_s":%d', (ends - since) / 1000000) or '')
end

local function phase_json(event)
  return '{"phase":"' .. event.phase .. '"}'
end

local function stock_json(event)
  return string.format('{"total":%d,"remaining":%d}', event.total, event.remaining)
end

-- The whole event but its id, as `domain::event::Event` is written in JSON.
local function event_json(event)
  return string.sub(event.definition, 1, -2) .. ',"phase":"' .. event.phase .. '","stock":' .. event.total
    .. ',"admission":' .. admission_json(event) .. '}'
end

-- Writes a changed event down: version + 1, an audit entry, an `event.changed` record, a move.
local function write_event(keys, event, now, by, action, from, to)
  event.version = string.format('%d', event.version + 1)
  local fields = {}
  for _, field in ipairs(FIELDS) do
    fields[#fields + 1] = field
    fields[#fields + 1] = event[field]
  end
  redis.call('HSET', keys.event, unpack(fields))
  redis.call('XADD', keys.audit, '*', 'by', by, 'action', action, 'from', from, 'to', to)
  append_record(keys, to_ms(now), event.epoch, 'changed', 'event', event_json(event))
  append_move(keys, to_ms(now), 'event')
end

-- Adds coupons to the event and writes it down.
local function raise_stock(keys, event, add, now, by)
  local before = stock_json(event)
  event.total = string.format('%d', event.total + add)
  event.remaining = redis.call('INCRBY', keys.stock, add)
  write_event(keys, event, now, by, 'stock', before, stock_json(event))
end

-- The line of an event begins to move. With order `draw` those who came before are drawn into random order first: as many seqs
-- are set aside for them behind the present last one, and admission waits for the draw (see draw_places.lua). A `draw.begun`
-- record tells who takes part. Mirrors show no position before it is done; here, and when it is done, the moves skip an
-- ordinal, which makes them load the line again.
local function begin_draw(keys, event, now)
  if cjson.decode(event.definition).order ~= 'draw' or redis.call('EXISTS', keys.draw) == 1 then
    return
  end
  redis.call('HINCRBY', keys.counts, 'moves', 1)
  local people = redis.call('ZCARD', keys.places)
  if people == 0 then
    redis.call('HSET', keys.draw, 'state', 'done')
    return
  end
  local after = redis.call('GET', keys.seq)
  redis.call('INCRBY', keys.seq, people)
  redis.call('HSET', keys.draw, 'state', 'going', 'after', after, 'people', people)
  append_record(keys, to_ms(now), event.epoch, 'draw', 'step', 'begun', 'after', after, 'people', people)
end

-- Moves the event to `phase` and writes it down. Closing ends the line. The bucket starts empty whenever admission begins.
-- A line that ended sold out and is opened again is a new one: its people were told, so their places are let go, and the
-- moves stream skips an ordinal, which makes every mirror load the line again.
local function enter_phase(keys, event, now, phase, by)
  local before = phase_json(event)
  if ADMITS[phase] and not ADMITS[event.phase] then
    settle(keys.pace, 0, now)
  end
  if phase == 'closed' and event.ended == '' then
    event.ended = 'closed'
  elseif phase == 'open' and event.ended ~= '' then
    event.ended = ''
    redis.call('UNLINK', keys.places, keys.passed, keys.grace, keys.seen)
    append_record(keys, to_ms(now), event.epoch, 'gone', 'reason', 'sold-out', 'places', '')
    redis.call('HINCRBY', keys.counts, 'moves', 1)
  end
  if phase == 'open' and (event.phase == 'draft' or event.phase == 'lobby') then
    begin_draw(keys, event, now)
  end
  event.phase = phase
  write_event(keys, event, now, by, 'phase', before, phase_json(event))
end

-- The last coupon is gone and the line does not wait for returns: ends the line, and drains an event that is open or paused.
local function end_sold_out(keys, event, now)
  event.ended = 'sold-out'
  if event.phase == 'draining' then
    redis.call('HSET', keys.event, 'ended', event.ended)
    append_move(keys, to_ms(now), 'event')
  else
    enter_phase(keys, event, now, 'draining', 'sold-out')
  end
end

-- Nobody waits for nothing: ends the line of an event in which people wait although no coupon can come any more.
local function end_if_hopeless(keys, event, now)
  if event.remaining == 0 and event.on_sold_out == 'close' and event.ended == ''
    and (ADMITS[event.phase] or event.phase == 'paused')
    and redis.call('ZCARD', keys.places) + redis.call('ZCARD', keys.grace) > 0 then
    end_sold_out(keys, event, now)
  end
end
