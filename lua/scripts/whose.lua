-- whose: tells which users place tokens were shown for, in an event that knows its visitors by entry tokens. Reads only.
--
-- KEYS   1 event  2 users
-- ARGV   one or more ids of place tokens
-- Result {'no-such-event'} or {'answers', {user}…}, one per id: '' for a token that no user came with
assert(#KEYS == 2 and #ARGV >= 1, 'whose: 2 keys and a token id')
if redis.call('EXISTS', KEYS[1]) == 0 then
  return { 'no-such-event' }
end
local answers = { 'answers' }
for i, user in ipairs(redis.call('HMGET', KEYS[2], unpack(ARGV))) do
  answers[i + 1] = { user or '' }
end
return answers
