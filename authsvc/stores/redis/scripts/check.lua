#!lua flags=allow-oom
-- Gives {revision, token mark, session mark, epoch} of an access token, each as it is kept.
-- KEYS fence, revision, token mark, session mark, epoch. ARGV fence.
-- Not flagged as writing nothing: a primary that has lost its replicas must refuse this, too, if
-- `min-replicas-to-write` says so, because a newer one may know more.
-- -1 if the fence is not the expected one.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
return redis.call('MGET', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
