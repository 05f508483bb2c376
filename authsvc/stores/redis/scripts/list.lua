#!lua flags=no-writes
-- Gives {sid tail, record, ...} of an account, oldest first.
-- KEYS fence, index. ARGV fence, fingerprint, account head, prefix of records.
-- -1 if the fence is not the expected one.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local index, reply = redis.call('GET', KEYS[2]) or '', {}
for place = 1, #index, 17 do
    if string.sub(index, place, place + 1) == ARGV[2] then
        local tail = string.sub(index, place + 2, place + 16)
        local record = redis.call('GET', ARGV[4] .. tail)
        if record then
            local account = 48 + string.byte(record, 47)
            if string.sub(record, account, account + 14) == ARGV[3] then
                reply[#reply + 1] = tail
                reply[#reply + 1] = record
            end
        end
    end
end
return reply
