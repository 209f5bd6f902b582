-- Part "moves": tells the gateways what changed, in entries with dense ids, of which about the last 10,000 are kept.

-- Appends one move with its own fields (`…`) after the common ones. A change of the event also wakes its admission, which
-- sleeps while it has nothing to do.
local function append_move(keys, at_ms, kind, ...)
  local n = redis.call('HINCRBY', keys.counts, 'moves', 1)
  redis.call('XADD', keys.moves, 'MAXLEN', '~', 10000, n .. '-0',
    'move', kind, 'at', at_ms, 'last', redis.call('GET', keys.seq) or '0', ...)
  if kind == 'event' then
    redis.call('PUBLISH', 'wakes', keys.moves)
  end
end
