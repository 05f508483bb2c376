#!lua
-- Takes a worker off the roll if it has not renewed since. KEYS fence, roll.
-- ARGV fence, member, id of the roll, counter. -1 if the fence is not the expected one.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local info = redis.call('INFO', 'server', 'replication')
local server = info:match('run_id:(%w+)') .. info:match('master_replid:(%w+)')
local known = redis.call('HMGET', KEYS[2], 'server', 'book', ARGV[2])
if known[1] == server and known[2] == ARGV[3] and known[3]
    and known[3]:match('^%d+') == ARGV[4] then
  return redis.call('HDEL', KEYS[2], ARGV[2])
end
return 0
