-- publish_session_key: keeps a session key known for a while, after telling again which sessions were ended.
--
-- KEYS   1 session_keys  2 sessions_ended
-- ARGV   1 kid  2 x  3 life_ms  4… session, ended_ms, session, ended_ms …
-- Effect the sessions are ended; the key's value is "until_ms x", until_ms = now + life_ms; keys whose time is over and
--        sessions that ended longer ago than life_ms are forgotten.
-- Result {'published'}
assert(#KEYS == 2 and #ARGV >= 3 and #ARGV % 2 == 1, 'publish_session_key: 2 keys, a kid, an x, a life and pairs')
local now_ms, life_ms = to_ms(now_us()), tonumber(ARGV[3])
-- The ended sessions come first: a key is never known without them.
for i = 4, #ARGV, 2 do
  redis.call('ZADD', KEYS[2], ARGV[i + 1], ARGV[i])
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now_ms - life_ms)
local held = redis.call('HGETALL', KEYS[1])
for i = 1, #held, 2 do
  if tonumber(string.match(held[i + 1], '^%d+')) <= now_ms then
    redis.call('HDEL', KEYS[1], held[i])
  end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %s', now_ms + life_ms, ARGV[2]))
return { 'published' }
