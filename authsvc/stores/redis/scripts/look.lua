#!lua flags=allow-oom
-- Gives the fields of the roll, or {} if there is none of this server. KEYS fence, roll.
-- Not flagged as writing nothing: see check.lua.
-- ARGV fence. -1 if the fence is not the expected one.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local info = redis.call('INFO', 'server', 'replication')
local server = info:match('run_id:(%w+)') .. info:match('master_replid:(%w+)')
if redis.call('HGET', KEYS[2], 'server') ~= server then return {} end
return redis.call('HGETALL', KEYS[2])
