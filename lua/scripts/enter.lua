-- enter: gives places to visitors; asking again gives the same place.
--
-- KEYS   1 event  2 stock  3 places  4 seq  5 admitted  6 tickets  7 gone  8 issued  9 passed  10 seen
--        11 counts  12 outbox  13 users
-- ARGV   1 most records that may wait in the outbox; then per request: place id, token id, user; the last two '' where places are
--        known by their tokens alone
-- Effect a place that is new, or that was given up (left, no-show), goes to the back of the line with the next seq.
--        A user's place, and the token that they came with, are theirs from then on, unless they were refused.
--        Whoever enters near the head is seen there; the first one in an empty line wakes admission. One `line.entered`
--        record tells of all that are new, unless the outbox is full: they are let in all the same.
-- Result {'no-such-event'} or {'answers', answer…}, one per request:
--        {'new', seq} · {'held', state…} as part "places" tells it
--        {'no-line'} · {'not-open-yet'} · {'sold-out'} · {'line-closed'} · {'event-closed'}: no place, and why
assert(#KEYS == 13 and #ARGV >= 4 and #ARGV % 3 == 1, 'enter: 13 keys, a bound and triples')
local event_key, stock_key, seq_key = KEYS[1], KEYS[2], KEYS[4]
local keys = {
  places = KEYS[3], admitted = KEYS[5], tickets = KEYS[6], gone = KEYS[7], issued = KEYS[8], passed = KEYS[9],
  seen = KEYS[10], counts = KEYS[11], outbox = KEYS[12], users = KEYS[13],
}

local asked, tokens, holders = {}, {}, {}
for i = 2, #ARGV, 3 do
  local n = #asked + 1
  asked[n], tokens[n] = ARGV[i], ARGV[i + 1]
  holders[n] = ARGV[i + 2] ~= '' and ARGV[i + 2] or asked[n]
end
local phase, ended, on_sold_out, line, rate, epoch =
  unpack(redis.call('HMGET', event_key, 'phase', 'ended', 'on_sold_out', 'line', 'rate', 'epoch'))
if not phase then
  return { 'no-such-event' }
end

-- Why nobody new may enter, or nil.
local function refusal()
  if line == '0' then
    return 'no-line'
  elseif phase == 'draft' then
    return 'not-open-yet'
  elseif phase == 'closed' then
    return 'event-closed'
  elseif ended == 'sold-out' or (on_sold_out == 'close' and redis.call('GET', stock_key) == '0') then
    return 'sold-out'
  elseif phase == 'draining' then
    return 'line-closed'
  end
end

local refused = refusal()
local states = states_of(keys, asked, holders, phase, ended)
local answers, new, at, theirs = { 'answers' }, {}, {}, {}
for i, place in ipairs(asked) do
  local state = states[i]
  local given_up = state[1] == 'gone' and (state[2] == 'left' or state[2] == 'no-show')
  if state[1] ~= 'none' and not given_up then
    answers[i + 1] = { 'held', unpack(state) }
  elseif refused then
    answers[i + 1] = { refused }
  elseif at[place] then
    -- The same place twice in one batch: the second asks for what the first just got.
    answers[i + 1] = { 'twice', at[place] }
  else
    new[#new + 1] = place
    at[place] = #new
    answers[i + 1] = { 'new', #new }
  end
  if tokens[i] ~= '' and answers[i + 1][1] ~= refused then
    local n = #theirs
    theirs[n + 1], theirs[n + 2], theirs[n + 3], theirs[n + 4] = tokens[i], holders[i], place, holders[i]
  end
end
if #theirs > 0 then
  redis.call('HSET', keys.users, unpack(theirs))
end

if #new > 0 then
  local waiting = redis.call('ZCARD', keys.places)
  local near = waiting < reach(tonumber(rate))
  local last = redis.call('INCRBY', seq_key, #new)
  local first = last - #new
  local members = {}
  for i, place in ipairs(new) do
    members[2 * i - 1] = first + i
    members[2 * i] = place
  end
  bulk('ZADD', keys.places, members)
  redis.call('HDEL', keys.gone, unpack(new))
  if waiting == 0 then
    redis.call('PUBLISH', 'wakes', keys.places)
  end
  local now_ms = to_ms(now_us())
  if not is_full(keys, ARGV[1]) then
    append_record(keys, now_ms, epoch, 'entered', 'first', first + 1, 'places', table.concat(new, ','))
  end
  if near then
    local seen = {}
    for i, place in ipairs(new) do
      seen[2 * i - 1], seen[2 * i] = place, now_ms
    end
    bulk('HSET', keys.seen, seen)
  end
  for _, answer in ipairs(answers) do
    if answer[1] == 'new' then
      answer[2] = first + answer[2]
    elseif answer[1] == 'twice' then
      answer[1], answer[2], answer[3] = 'held', 'waiting', first + answer[2]
    end
  end
end
return answers
