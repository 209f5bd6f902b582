-- Part "bulk": one command with many arguments, in pieces that fit on Lua's stack.

-- Calls `command key prefix… arguments…`; `arguments` come in pairs that stay together.
local function bulk(command, key, arguments)
  for first = 1, #arguments, 1000 do
    redis.call(command, key, unpack(arguments, first, math.min(first + 999, #arguments)))
  end
end
