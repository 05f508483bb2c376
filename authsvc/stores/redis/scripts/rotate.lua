#!lua
-- Judges a refresh token and moves its session on (RotationOutcome).
-- KEYS fence, record. ARGV fence, generation, nonce hash, client id, now, grace (ms).
-- Gives {outcome, record}; -1 if the fence is not the expected one.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end

local record = redis.call('GET', KEYS[2])
if not record then return {'unknown'} end
local state, generation, _, last_use, idle, absolute, hard_end, nonce, client =
    struct.unpack('>BI4I4I6I5I6I4c16Bc0', record)
if nonce ~= ARGV[3] or client ~= ARGV[4] then return {'unknown'} end

-- The absolute end holds on the caller's clock and on that of Redis, whichever is ahead; the idle
-- end on the caller's clock and by the key's TTL. So either clock alone can only shorten.
local now, clock = tonumber(ARGV[5]), redis.call('TIME')
local left = math.min(absolute - now, hard_end * 1000 - (clock[1] * 1000 + math.floor(clock[2] / 1000)))
if left <= 0 or now >= last_use + idle then return {'unknown'} end
if state ~= 0 then return {'reused', record} end

local presented = tonumber(ARGV[2])
if presented == generation - 1 and math.abs(now - last_use) <= tonumber(ARGV[6]) then
    return {'repeated', record}
end
if presented < generation then
    redis.call('SETRANGE', KEYS[2], 0, '\1')
    return {'reused', redis.call('GET', KEYS[2])}
end
-- A token from the future is genuine (its MAC is good): Redis has lost a suffix of its writes.
record = struct.pack('>BI4', 0, presented + 1) .. string.sub(record, 6, 9)
    .. struct.pack('>I6', now) .. string.sub(record, 16)
redis.call('SET', KEYS[2], record, 'PX', math.min(idle, left) + 1000)
return {'rotated', record}
