package messaging

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// A look is the state of a partition at one moment.
type look struct {
	now              time.Time // by Redis's clock
	length           int64
	added            int64 // ever
	first, last      entryID
	generated        entryID // the last one ever, which may be deleted
	deleted          entryID // the last one that was deleted; trimming does not count
	deadLetters      int64
	oldestDeadLetter string
	groups           []groupLook
}

// A groupLook is a consumer group in a look. Ids are empty where there is no entry.
type groupLook struct {
	name          string
	consumers     int64
	pending       int64
	oldestPending string
	oldestWaiting string  // given back unbegun, or not delivered
	delivered     entryID // the last one
	read          int64   // entries ever delivered, by Redis's count; -1 if unknown
}

// lookScript looks at a partition. It is a script so that all values are of one moment and take one round trip; and because
// XINFO STREAM would send the whole first and last entry.
// KEYS: the stream, its dead letters. ARGV: the pseudo-consumer, the number of its messages to look at, the ms of silence after
// which a consumer does not count.
// Returns {µs since 1970, length, added, first, last, generated, deleted, dead letters, oldest dead letter, groups}, where
// a group is {name, consumers, pending, oldest pending, oldest waiting, delivered, read}.
var lookScript = redis.NewScript(`
local function first(entries)
	return entries[1] and entries[1][1] or ''
end

local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if info.err and not string.find(info.err, 'no such key') then return info end
local stream, groups = {}, {}
for i = 1, #info, 2 do stream[info[i]] = info[i + 1] end

for _, g in ipairs(info.err and {} or redis.call('XINFO', 'GROUPS', KEYS[1])) do
	local name, delivered, read = g[2], g[8], g[10] or -1
	local consumers = 0
	for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], name)) do
		if c[2] ~= ARGV[1] and c[6] < tonumber(ARGV[3]) then consumers = consumers + 1 end
	end
	local waiting
	for _, p in ipairs(redis.call('XPENDING', KEYS[1], name, '-', '+', ARGV[2], ARGV[1])) do
		if p[4] == 0 then waiting = waiting or p[1] end
	end
	groups[#groups + 1] = {
		name, consumers, g[6], redis.call('XPENDING', KEYS[1], name)[2] or '',
		waiting or first(redis.call('XRANGE', KEYS[1], '(' .. delivered, '+', 'COUNT', 1)), delivered, read,
	}
end

local now = redis.call('TIME')
return {
	now[1] * 1000000 + now[2], stream['length'] or 0, stream['entries-added'] or 0,
	first({stream['first-entry'] or nil}), first({stream['last-entry'] or nil}),
	stream['last-generated-id'] or '', stream['max-deleted-entry-id'] or '',
	redis.call('XLEN', KEYS[2]), first(redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)), groups,
}
`)

// returnedSeen is the number of messages of retry that are looked at, to find those that were given back unbegun.
const returnedSeen = 100

// look looks at each partition. With an error, nil stands for each at which it could not look.
func (in *inspector) look(ctx context.Context) ([]*look, error) {
	calls := make([]call, len(in.partitions))
	for partition := range calls {
		calls[partition] = call{
			[]string{StreamKey(in.stream, partition), deadLetterKey(in.stream, partition)},
			[]any{retryConsumer, returnedSeen, in.aliveFor.Milliseconds()},
		}
	}
	replies, err := runAll(ctx, in.client, lookScript, calls)
	looks := make([]*look, len(replies))
	for partition, reply := range replies {
		r, ok := reply.([]any)
		if !ok {
			continue
		}
		l := &look{
			now: time.UnixMicro(r[0].(int64)), length: r[1].(int64), added: r[2].(int64),
			first: parseEntryID(r[3].(string)), last: parseEntryID(r[4].(string)),
			generated: parseEntryID(r[5].(string)), deleted: parseEntryID(r[6].(string)),
			deadLetters: r[7].(int64), oldestDeadLetter: r[8].(string),
		}
		for _, group := range r[9].([]any) {
			g := group.([]any)
			l.groups = append(l.groups, groupLook{
				name: g[0].(string), consumers: g[1].(int64), pending: g[2].(int64), oldestPending: g[3].(string),
				oldestWaiting: g[4].(string), delivered: parseEntryID(g[5].(string)), read: g[6].(int64),
			})
		}
		looks[partition] = l
	}
	return looks, err
}

// A call is one run of a script, with the keys of one partition.
type call struct {
	keys []string
	args []any
}

// together is the number of calls sent to Redis at once. Redis serves nobody else while it runs them.
const together = 8

// runAll calls a script many times. It returns the replies, nil for each call that failed, and the first error: one node of a
// cluster may be down.
func runAll(ctx context.Context, client redis.UniversalClient, script *redis.Script, calls []call) (replies []any, first error) {
	for some := range slices.Chunk(calls, together) {
		commands := make([]*redis.Cmd, len(some))
		run := func(one func(context.Context, redis.Scripter, []string, ...any) *redis.Cmd) {
			pipeline := client.Pipeline()
			for i, c := range some {
				commands[i] = one(ctx, pipeline, c.keys, c.args...)
			}
			_, _ = pipeline.Exec(ctx) // each command has its own error
		}
		run(script.EvalSha)
		if slices.ContainsFunc(commands, func(c *redis.Cmd) bool { return redis.HasErrorPrefix(c.Err(), "NOSCRIPT") }) {
			run(script.Eval)
		}
		for _, command := range commands {
			reply, err := command.Result()
			replies = append(replies, reply)
			if first == nil {
				first = err
			}
		}
	}
	return replies, first
}
