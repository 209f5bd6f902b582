-- session_standing: what is known of an access token's key and session.
--
-- KEYS   1 session_keys  2 sessions_ended
-- ARGV   1 kid  2 session
-- Effect none
-- Result {'standing', x ('' for an unknown key), ended ('1' or '0'), now_ms}
assert(#KEYS == 2 and #ARGV == 2, 'session_standing: 2 keys, a kid and a session')
local now_ms = to_ms(now_us())
local until_ms, x = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^(%d+) (%S+)$')
if not x or tonumber(until_ms) <= now_ms then
  x = ''
end
local ended = redis.call('ZSCORE', KEYS[2], ARGV[2]) and '1' or '0'
return { 'standing', x, ended, string.format('%.0f', now_ms) }
