#!lua
-- Gives one attempt back; with the last one the window ends. KEYS counter.
local taken = tonumber(redis.call('GET', KEYS[1]) or '0')
if taken > 1 then redis.call('DECR', KEYS[1]) else redis.call('DEL', KEYS[1]) end
return 0
