-- end_sessions: from now on the access tokens of these sessions open nothing.
--
-- KEYS   1 sessions_ended
-- ARGV   1… sessions
-- Effect each is in the set, with the time of this call.
-- Result {'ended'}
assert(#KEYS == 1 and #ARGV >= 1, 'end_sessions: 1 key and a session')
local now_ms = string.format('%.0f', to_ms(now_us()))
for _, session in ipairs(ARGV) do
  redis.call('ZADD', KEYS[1], now_ms, session)
end
return { 'ended' }
