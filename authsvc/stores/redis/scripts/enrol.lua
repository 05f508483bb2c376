#!lua
-- Puts a worker on the roll; founds a new one if there is none, or it is of another server.
-- KEYS fence, roll, feed. ARGV fence, member, id for a new roll.
-- Gives {id of the roll, end of the feed}. -1 if the fence is not the expected one.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local info = redis.call('INFO', 'server', 'replication')
local server = info:match('run_id:(%w+)') .. info:match('master_replid:(%w+)')
if redis.call('HGET', KEYS[2], 'server') ~= server then
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[2], 'server', server, 'book', ARGV[3])
end
redis.call('HSET', KEYS[2], ARGV[2], '0 -1')
local last = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)
return {redis.call('HGET', KEYS[2], 'book'), last[1] and last[1][1] or '0-0'}
