#!lua
-- Notes that a worker lives and what it has applied. KEYS fence, roll.
-- ARGV fence, member, id of the roll, applied revision, whether the roll is settled.
-- Gives {the least revision that all have applied}, or {} if the worker is not on this roll.
-- -1 if the fence is not the expected one.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local info = redis.call('INFO', 'server', 'replication')
local server = info:match('run_id:(%w+)') .. info:match('master_replid:(%w+)')
local known = redis.call('HMGET', KEYS[2], 'server', 'book', ARGV[2])
if known[1] ~= server or known[2] ~= ARGV[3] or not known[3] then return {} end
local counter = tonumber(known[3]:match('^%d+')) + 1
redis.call('HSET', KEYS[2], ARGV[2], string.format('%d %s', counter, ARGV[4]))
if ARGV[5] == '1' then redis.call('HSET', KEYS[2], 'settled', '') end
if redis.call('HEXISTS', KEYS[2], 'settled') == 0 then return {-1} end
local least = tonumber(ARGV[4])
local fields = redis.call('HGETALL', KEYS[2])
for i = 1, #fields, 2 do
  if fields[i]:sub(1, 1) == 'm' then
    least = math.min(least, tonumber(fields[i + 1]:match('%S+$')))
  end
end
return {least}
