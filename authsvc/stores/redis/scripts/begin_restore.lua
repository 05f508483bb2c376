#!lua
-- Leaves the mark of a restore. KEYS mark. ARGV its life (ms).
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
return 1
