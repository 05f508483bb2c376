#!lua
-- Raises an account's epoch and deletes its sessions of lower ones.
-- KEYS epoch, revision, index. ARGV life of the epoch (ms), revision, epoch, fingerprint,
-- account head, prefix of records.
-- Gives how many sessions it ended. Checks no fence: it is how a restore makes Redis true again.
local epoch = math.max(tonumber(ARGV[3]), tonumber(redis.call('GET', KEYS[1]) or '0'))
local life = math.max(tonumber(ARGV[1]), redis.call('PTTL', KEYS[1]))
redis.call('SET', KEYS[1], string.format('%.0f', epoch), 'PX', life)
if tonumber(redis.call('GET', KEYS[2]) or '0') < tonumber(ARGV[2]) then
    redis.call('SET', KEYS[2], ARGV[2])
end
local index, ended = redis.call('GET', KEYS[3]) or '', 0
for place = 1, #index, 17 do
    if string.sub(index, place, place + 1) == ARGV[4] then
        local key = ARGV[6] .. string.sub(index, place + 2, place + 16)
        local record = redis.call('GET', key)
        if record then
            local account = 48 + string.byte(record, 47)
            if string.sub(record, account, account + 14) == ARGV[5]
                and struct.unpack('>I4', string.sub(record, 6, 9)) < epoch then
                ended = ended + redis.call('DEL', key)
            end
        end
    end
end
return ended
