#!lua
-- Takes a lease that is free, or renews one's own. KEYS lease. ARGV token, life (ms).
-- Gives whether the lease is one's own now.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
