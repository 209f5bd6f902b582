-- publish_key: publishes the public half of a signing key with the URLs under which it has signed, newest last.
--
-- KEYS   1 keys
-- ARGV   1 kid  2 x  3… issuers
-- Effect the key's value is "x issuer…"; issuers published before stay, those given now come last.
-- Result {'published'}
assert(#KEYS == 1 and #ARGV >= 2, 'publish_key: 1 key, a kid and an x')
local kid, x = ARGV[1], ARGV[2]
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
return { 'published' }
