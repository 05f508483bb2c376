#!lua
-- Forgets a record; gives whether there was one. KEYS fence, record. ARGV fence.
-- -1 if the fence is not the expected one.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
return redis.call('DEL', KEYS[2])
