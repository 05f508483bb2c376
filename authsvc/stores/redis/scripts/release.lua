#!lua
-- Gives one attempt back; the window stays. KEYS counter.
if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then redis.call('DECR', KEYS[1]) end
return 0
