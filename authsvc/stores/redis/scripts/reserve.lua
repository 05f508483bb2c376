#!lua
-- Takes one attempt of a window. KEYS counter. ARGV limit, window (ms).
-- Gives how many are taken, or below 0 the milliseconds until there are attempts again.
if tonumber(redis.call('GET', KEYS[1]) or '0') >= tonumber(ARGV[1]) then
    return -math.max(1, redis.call('PTTL', KEYS[1]))
end
local taken = redis.call('INCR', KEYS[1])
if taken == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return taken
