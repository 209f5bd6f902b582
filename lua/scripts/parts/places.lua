-- Part "places": what has become of places. A holder of a coupon is named by the place itself.
-- Functions take `keys`: {places, passed, admitted, tickets, gone, issued}.

-- The states of `places`, in their order, each as one reply of the store:
--   {'redeemed', issue} · {'waiting', seq} · {'admitted', seq, expires_ms, ticket or ''} · {'gone', reason} · {'none'}
-- `phase` and `ended` are the event's: a line that ended, and a closed event, let go of everyone without touching a million members.
local function states_of(keys, places, phase, ended)
  local issues = redis.call('HMGET', keys.issued, unpack(places))
  local seqs = redis.call('ZMSCORE', keys.places, unpack(places))
  local passed = redis.call('ZMSCORE', keys.passed, unpack(places))
  local admissions = redis.call('HMGET', keys.admitted, unpack(places))
  local reasons = redis.call('HMGET', keys.gone, unpack(places))
  local states = {}
  for i, place in ipairs(places) do
    local seq = seqs[i] or passed[i]
    if issues[i] then
      states[i] = { 'redeemed', issues[i] }
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
