#!lua
-- Sets the fence if the mark of the restore is still there. KEYS fence, mark. ARGV fence.
-- Gives whether it did.
if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
return 1
