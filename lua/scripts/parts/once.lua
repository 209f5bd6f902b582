-- Part "once": a script's whole reply kept with its effect, for calls that come with an idempotency key.
-- The same call again is answered with the kept reply and has no effect; another one under the same key with
-- {'once-mismatch'}. A reply with the field `again` tells that nothing was decided: it is not kept.

local ONCE_KEPT_S = 24 * 60 * 60

-- Does `step` unless it was done. `key` is where the reply is kept, `digest` that of what was asked, '' for a call without an
-- idempotency key.
local function once(key, digest, step)
  if digest == '' then
    return step()
  end
  local kept = redis.call('GET', key)
  if not kept then
    local reply = step()
    if reply.again then
      return reply
    end
    redis.call('SET', key, cmsgpack.pack({ digest, reply }), 'EX', ONCE_KEPT_S)
    return reply
  end
  local asked, reply = unpack(cmsgpack.unpack(kept))
  return asked == digest and reply or { 'once-mismatch' }
end
