package messaging

import "github.com/redis/go-redis/v9"

// What must be checked and done at once is a script. Each touches the keys of one partition only.

// removeConsumer removes a consumer from a group unless something is pending with it: Redis would forget that too.
// KEYS: the stream. ARGV: the group, the consumer. Returns 1 if the consumer is gone, 0 if it has pending entries.
var removeConsumer = redis.NewScript(`
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2])
if pending.err then
	return 1 -- no such stream or group
end
if #pending > 0 then
	return 0
end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
`)
