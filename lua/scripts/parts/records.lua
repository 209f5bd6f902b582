-- Part "records": what happened, on its way to the log: entries with dense ids in the outbox. What happens to places is among
-- them, so that a line outlives the loss of this store.
-- Functions take `keys`: {counts, outbox}.

-- Do as many records wait for the log as may? Then whatever would make one for a caller is refused as 'outbox-full', and nothing
-- happens. The records of one call may go over the bound.
local function is_full(keys, most)
  return redis.call('XLEN', keys.outbox) >= tonumber(most)
end

-- Was it looked at in this call whether somebody is to be woken?
local has_rung = false

-- Appends one record with its own fields (`…`) after the common ones; gives its ordinal. Whoever moves records on sleeps while the
-- outbox is empty: the first one in it wakes them.
local function append_record(keys, at_ms, epoch, fact, ...)
  local ordinal = redis.call('HINCRBY', keys.counts, 'records', 1)
  redis.call('XADD', keys.outbox, ordinal .. '-0', 'fact', fact, 'at', at_ms, 'epoch', epoch, ...)
  if not has_rung then
    has_rung = true
    if redis.call('XLEN', keys.outbox) == 1 then
      redis.call('PUBLISH', 'records', keys.outbox)
    end
  end
  return ordinal
end
