#!lua
-- Takes a worker off the roll if it has not renewed since. KEYS fence, roll.
-- ARGV fence, member, id of the roll, counter. -1 if the fence is not the expected one.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local known = redis.call('HMGET', KEYS[2], 'book', ARGV[2])
if known[1] == ARGV[3] and known[2] and known[2]:match('^%d+') == ARGV[4] then
  return redis.call('HDEL', KEYS[2], ARGV[2])
end
return 0
