-- Part "records": what happened, on its way to the log: entries with dense ids in the outbox. What happens to places is among
-- them, so that a line outlives the loss of this store.
-- Functions take `keys`: {counts, outbox}.

-- How many records wait, once it was asked.
local waiting

-- Do as many records wait for the log as may? Then whatever would make one for a caller is refused as 'outbox-full', and nothing
-- happens. The records of one call may go over the bound.
local function is_full(keys, most)
  waiting = waiting or redis.call('XLEN', keys.outbox)
  return waiting >= tonumber(most)
end

-- Was whoever moves records on woken in this call?
local has_rung = false

-- Appends one record with its own fields (`…`) after the common ones; gives its ordinal. Whoever moves records on sleeps when they
-- have read the last one: the first one of each call wakes them.
local function append_record(keys, at_ms, epoch, fact, ...)
  local ordinal = redis.call('HINCRBY', keys.counts, 'records', 1)
  redis.call('XADD', keys.outbox, ordinal .. '-0', 'fact', fact, 'at', at_ms, 'epoch', epoch, ...)
  waiting = waiting and waiting + 1
  if not has_rung then
    has_rung = true
    redis.call('PUBLISH', 'records', keys.outbox)
  end
  return ordinal
end
