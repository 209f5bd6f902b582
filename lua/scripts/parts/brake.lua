-- Part "brake": lets fewer people in while redeeming goes badly, and more again when it goes well.
-- Functions take `keys`: those of part "event" and {strain}.
-- `brake` of an event is '' or `divisor since_ms moved_ms why share`: the rate is divided by `divisor`; braking began at
-- `since_ms`, its last step was made at `moved_ms`, because a `share` of the redeems `failed` or was `late`, or all was `calm`.

-- So many seconds are judged together, and lie between two steps: each step is judged by what came after it.
local BRAKE_WINDOW_S = 10
-- So many redeems must have gone badly before their share says anything.
local FEWEST_BAD = 5
-- The rate is divided by no more: those who are still let in show when redeeming goes well again.
local MOST_DIVIDED = 16

-- Why and how much redeeming is strained; `most_failed` is the share of failed redeems that is too much, '' for none.
local function strained(keys, now_ms, most_failed)
  local second = math.floor(now_ms / 1000)
  local all, failed, late = 0, 0, 0
  for _, held in ipairs(redis.call('HVALS', keys.strain)) do
    local at, some, some_failed, some_late = string.match(held, '^(%d+) (%d+) (%d+) (%d+)$')
    if at and second - at < BRAKE_WINDOW_S then
      all, failed, late = all + some, failed + some_failed, late + some_late
    end
  end
  if all > 0 then
    redis.call('HSET', keys.strain, 'judged', second)
  end
  if most_failed ~= '' and failed >= FEWEST_BAD and failed >= most_failed * all then
    return 'failed', failed / all
  elseif late >= FEWEST_BAD and 2 * late > all then
    return 'late', late / all
  end
end

local function brake_json(divisor, why, share)
  local because = why and string.format(',"why":"%s","share":%.3f', why, share) or ''
  return '{"divided_by":' .. string.format('%d', divisor) .. because .. '}'
end

-- Makes the brake's next step, if it is time for one and redeeming asks for it.
local function step_brake(keys, event, now, most_failed)
  local now_ms = to_ms(now)
  local held, since_ms, moved_ms = string.match(event.brake, '^(%d+) (%d+) (%d+)')
  local divisor, why, share = tonumber(held) or 1, nil, 0
  if event.phase ~= 'closed' and event.ended == '' then
    local passed_ms = now_ms - (moved_ms or 0)
    local judged = redis.call('HGET', keys.strain, 'judged')
    if (passed_ms >= 0 and passed_ms < BRAKE_WINDOW_S * 1000)
      or (divisor == 1 and judged and tonumber(judged) == math.floor(now_ms / 1000)) then
      return
    end
    why, share = strained(keys, now_ms, most_failed)
  end
  if not why and divisor == 1 then
    return
  end
  local nextly = 1
  if why then
    nextly = math.min(MOST_DIVIDED, 2 * divisor)
  elseif event.phase ~= 'closed' and event.ended == '' then
    nextly = divisor / 2
  end
  if ADMITS[event.phase] then
    -- What came so far came at the rate until now.
    settle(keys.pace, tokens_at(keys.pace, event, now), now)
  end
  event.brake = nextly > 1
    and string.format('%d %d %d %s %.3f', nextly, since_ms or now_ms, now_ms, why or 'calm', share or 0) or ''
  redis.call('HSET', keys.event, 'brake', event.brake)
  if divisor == 1 or nextly == 1 then
    redis.call('XADD', keys.audit, '*', 'by', 'brake', 'action', 'brake', 'from', brake_json(divisor), 'to',
      brake_json(nextly, why, share))
  end
  append_move(keys, now_ms, 'event')
end
