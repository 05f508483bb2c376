#!lua
-- Appends a revocation to the feed. KEYS feed. ARGV revision, kind, subject, epoch, reason, times.
-- The journal has what the feed has lost: it may be cut short.
redis.call('XADD', KEYS[1], 'MAXLEN', '~', 10000, '*', 'r', ARGV[1], 'k', ARGV[2], 's', ARGV[3],
  'e', ARGV[4], 'why', ARGV[5], 'at', ARGV[6], 'until', ARGV[7])
return 1
