#!lua
-- Keeps a record for a time. KEYS fence, record. ARGV fence, record, life (ms).
-- -1 if the fence is not the expected one.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
