#!lua
-- Marks a token or a session as revoked, and deletes the session's record.
-- KEYS mark, revision, record (of a session). ARGV life of the mark (ms), revision.
-- Gives how many sessions it ended. Checks no fence: it is how a restore makes Redis true again.
if not redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[1]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[1], 'GT')
end
if tonumber(redis.call('GET', KEYS[2]) or '0') < tonumber(ARGV[2]) then
    redis.call('SET', KEYS[2], ARGV[2])
end
-- The entry in the index is dropped by whoever finds that the record is gone.
return KEYS[3] and redis.call('DEL', KEYS[3]) or 0
