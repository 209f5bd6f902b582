-- Part "once": a script's whole reply kept with its effect, for calls that come with an idempotency key. The last key and the
-- last argument are this part's own: where the reply is kept, and the digest of what was asked, '' for a call without a key.
-- The same call again is answered with the kept reply and has no effect; another one under the same key with
-- {'once-mismatch'}. A reply with the field `again` tells that nothing was decided: it is not kept.

local once_key, once_digest = table.remove(KEYS), table.remove(ARGV)
local ONCE_KEPT_S = 24 * 60 * 60

-- Does `step` unless it was done.
local function once(step)
  if once_digest == '' then
    return step()
  end
  local kept = redis.call('GET', once_key)
  if not kept then
    local reply = step()
    if reply.again then
      return reply
    end
    redis.call('SET', once_key, cmsgpack.pack({ once_digest, reply }), 'EX', ONCE_KEPT_S)
    return reply
  end
  local digest, reply = unpack(cmsgpack.unpack(kept))
  return digest == once_digest and reply or { 'once-mismatch' }
end
