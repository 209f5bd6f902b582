-- publish_key: publishes the public half of a signing key with the URLs under which it has signed, newest last.
--
-- KEYS   1 keys  2 shown  3 retired
-- ARGV   1 kid  2 x  3… issuers
-- Effect the key's value is "x issuer…"; issuers published before stay, those given now come last. When it was first shown is
--        kept. A key that was retired stays so.
-- Result {'published'} · {'retired'}
assert(#KEYS == 3 and #ARGV >= 2, 'publish_key: 3 keys, a kid and an x')
local kid, x = ARGV[1], ARGV[2]
if redis.call('HEXISTS', KEYS[3], kid) == 1 then
  return { 'retired' }
end
local given = {}
for i = 3, #ARGV do
  given[ARGV[i]] = true
end
local value = { x }
for issuer in string.gmatch(string.match(redis.call('HGET', KEYS[1], kid) or '', '^%S+(.*)') or '', '%S+') do
  if not given[issuer] then
    value[#value + 1] = issuer
  end
end
for i = 3, #ARGV do
  value[#value + 1] = ARGV[i]
end
redis.call('HSET', KEYS[1], kid, table.concat(value, ' '))
redis.call('HSETNX', KEYS[2], kid, to_ms(now_us()))
return { 'published' }
