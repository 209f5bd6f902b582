-- Part "places": what has become of places, and whose they are.
-- Functions take `keys`: {places, passed, admitted, tickets, gone, issued, users}.

-- The holders of coupons whom `places` are named by: their users, as entry tokens told, or the places themselves.
local function holders_of(keys, places)
  local holders = redis.call('HMGET', keys.users, unpack(places))
  for i, place in ipairs(places) do
    holders[i] = holders[i] or place
  end
  return holders
end

-- The states of `places` with these `holders`, in their order, each as one reply of the store:
--   {'redeemed', issue, holder} · {'waiting', seq} · {'admitted', seq, expires_ms, ticket or ''} · {'gone', reason} · {'none'}
-- `phase` and `ended` are the event's: a line that ended, and a closed event, let go of everyone without touching a million members.
local function states_of(keys, places, holders, phase, ended)
  local issues = redis.call('HMGET', keys.issued, unpack(holders))
  local seqs = redis.call('ZMSCORE', keys.places, unpack(places))
  local passed = redis.call('ZMSCORE', keys.passed, unpack(places))
  local admissions = redis.call('HMGET', keys.admitted, unpack(places))
  local reasons = redis.call('HMGET', keys.gone, unpack(places))
  local states = {}
  for i, place in ipairs(places) do
    local seq = seqs[i] or passed[i]
    if issues[i] then
      states[i] = { 'redeemed', issues[i], holders[i] }
    elseif seq and ended ~= '' then
      states[i] = { 'gone', ended }
    elseif seq then
      states[i] = { 'waiting', seq }
    elseif admissions[i] and phase == 'closed' then
      states[i] = { 'gone', 'closed' }
    elseif admissions[i] then
      local admitted_seq, expires_ms = string.match(admissions[i], '^(%S+) %S+ (%S+)')
      states[i] = { 'admitted', admitted_seq, expires_ms, redis.call('HGET', keys.tickets, place) or '' }
    elseif reasons[i] then
      states[i] = { 'gone', reasons[i] }
    else
      states[i] = { 'none' }
    end
  end
  return states
end
