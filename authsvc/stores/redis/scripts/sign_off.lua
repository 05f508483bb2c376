#!lua
-- Takes a worker off the roll. KEYS fence, roll. ARGV fence, member.
-- -1 if the fence is not the expected one.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
return redis.call('HDEL', KEYS[2], ARGV[2])
