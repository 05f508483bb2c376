#!lua
-- Keeps a new session and ends the account's oldest ones beyond a limit.
-- KEYS fence, epoch, record, index. ARGV fence, record, epoch, fingerprint, account head, sid tail,
-- limit, idle (ms), left till the absolute end (ms), life of a session mark (ms), prefix of records,
-- prefix of session marks.
-- Gives {1, ended sid tails ...}, {0} if the epoch is too low; -1 if the fence is not the expected one.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
if tonumber(redis.call('GET', KEYS[2]) or '0') > tonumber(ARGV[3]) then return {0} end

local left, entry = tonumber(ARGV[9]), ARGV[4] .. ARGV[6]
local index = redis.call('GET', KEYS[4]) or ''
local entries, own = {}, {}
-- Entries of ended sessions are dropped when they are met: all of this account, and of others a few,
-- from a place that the random sid chooses. That is more than one for each that comes.
local count = math.floor(#index / 17)
local swept = count > 0 and string.byte(ARGV[6], 1) % count or 0
for number = 0, count - 1 do
    local one = string.sub(index, number * 17 + 1, number * 17 + 17)
    local tail, kept = string.sub(one, 3), true
    if string.sub(one, 1, 2) == ARGV[4] then
        local record = redis.call('GET', ARGV[11] .. tail)
        kept = record and true
        if record then
            local account = 48 + string.byte(record, 47)
            if string.sub(record, account, account + 14) == ARGV[5] then own[#own + 1] = tail end
        end
    elseif (number - swept) % count < 4 then
        kept = redis.call('EXISTS', ARGV[11] .. tail) == 1
    end
    if kept then entries[#entries + 1] = one end
end

local reply, ended = {1}, {}
for number = 1, #own + 1 - tonumber(ARGV[7]) do
    local tail = own[number]
    if not tail then break end
    if not redis.call('SET', ARGV[12] .. tail, '', 'NX', 'PX', ARGV[10]) then
        redis.call('PEXPIRE', ARGV[12] .. tail, ARGV[10], 'GT')
    end
    redis.call('DEL', ARGV[11] .. tail)
    ended[ARGV[4] .. tail] = true
    reply[#reply + 1] = tail
end
local kept = {}
for _, one in ipairs(entries) do
    if not ended[one] then kept[#kept + 1] = one end
end
kept[#kept + 1] = entry

local hard_end = redis.call('TIME')[1] + math.ceil(left / 1000) + 1
local record = string.sub(ARGV[2], 1, 26) .. struct.pack('>I4', hard_end) .. string.sub(ARGV[2], 31)
redis.call('SET', KEYS[3], record, 'PX', math.min(tonumber(ARGV[8]), left) + 1000)
-- No session outlives its absolute end, so the index need not follow refreshes.
local life = math.max(redis.call('PTTL', KEYS[4]), left + 2000)
redis.call('SET', KEYS[4], table.concat(kept), 'PX', life)
return reply
