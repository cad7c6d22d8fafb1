package messaging

import "github.com/redis/go-redis/v9"

// A check and the change that depends on it are one script: in two steps, another consumer, or this one after a pause, could
// come in between and lose or double messages. Each script uses the keys of one partition only.

// retryConsumer is the pseudo-consumer that owns messages until their next attempt. No process has its name.
const retryConsumer = "retry"

// claim takes the due entries of a group's pending list.
//
// An entry of retry is due when its idle time has reached ARGV[5]. An entry of a consumer is due after that consumer's
// silence of claim_after: it is dead, or it is this one and the reply that delivered the entry was lost. Entries that this
// consumer holds are skipped. Redis skips entries that are not due yet by itself; else a look at a long list would keep it
// from everything else.
//
// A suspect is an entry that was with dead consumers twice or more: it may have killed them. Suspects are only counted,
// unless alone is 1: then one suspect is taken, and nothing else.
//
// KEYS:
//
//	1  the stream
//
// ARGV:
//
//	1   group
//	2   consumer
//	3   limit, in entries
//	4   claim_after, in ms
//	5   idle time at which an entry of retry is due, in ms
//	6   deliveries before dead-lettering
//	7   alone, 0 or 1
//	8…  ids that the consumer holds
//
// Returns:
//
//	1  entries taken, each {id, fields, owner, deliveries, idle time in ms} as it was before
//	2  due entries that have no delivery left: not taken, in the same form
//	3  number of pending entries that were deleted from the stream
//	4  number of suspects
//	5  Redis's time, in ms
var claim = redis.NewScript(`
local key, group, me = KEYS[1], ARGV[1], ARGV[2]
local limit, claim_after, retry_after = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local deliveries, alone = tonumber(ARGV[6]), ARGV[7] == '1'
local held = {}
for i = 8, #ARGV do held[ARGV[i]] = true end

local taken, exhausted, lost, suspects = {}, {}, 0, 0

local function look(owner, idle, count, id)
	local suspect = owner ~= 'retry' and owner ~= me and count >= 2
	if held[id] then
		return -- its heartbeat is late
	elseif count >= deliveries then
		if alone then return end
		local found = redis.call('XRANGE', key, id, id)
		if found[1] then
			exhausted[#exhausted + 1] = {id, found[1][2], owner, count, idle}
		else
			redis.call('XACK', key, group, id)
			lost = lost + 1
		end
	elseif suspect and not alone then
		suspects = suspects + 1
	elseif suspect == alone then
		local got = redis.call('XCLAIM', key, group, me, 0, id)
		if got[1] then
			taken[#taken + 1] = {id, got[1][2], owner, count, idle}
		else
			lost = lost + 1 -- XCLAIM has removed it from the list
		end
	end
end

local function look_through(owner, due)
	local from, page = '-', 100
	repeat
		local found = redis.call('XPENDING', key, group, 'IDLE', due, from, '+', page, owner)
		for _, entry in ipairs(found) do
			if #taken + #exhausted >= limit then return end
			look(owner, entry[3], entry[4], entry[1])
			from = '(' .. entry[1]
		end
	until #found < page
end

for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
	if consumer[2] ~= 'retry' and consumer[4] > 0 then look_through(consumer[2], claim_after) end
end
if not alone then look_through('retry', retry_after) end
local now = redis.call('TIME')
return {taken, exhausted, lost, suspects, now[1] * 1000 + math.floor(now[2] / 1000)}
`)

// mend makes pending entries with a delivery time in the future count as delivered now. There are some if Redis's clock was
// set back, or another server with its own clock took over: their idle time stays 0, so they would never be due.
//
// KEYS:
//
//	1  the stream
//
// ARGV:
//
//	1  group
//	2  id to begin with, "-" at first
//
// Returns the id to continue with, "" at the end.
var mend = redis.NewScript(`
local found = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], '+', 1000)
for _, entry in ipairs(found) do
	if entry[3] == 0 and #redis.call('XRANGE', KEYS[1], entry[1], entry[1]) == 1 then
		redis.call('XCLAIM', KEYS[1], ARGV[1], entry[2], 0, entry[1], 'JUSTID')
	end
end
return #found == 1000 and '(' .. found[1000][1] or ''
`)

// keepalive is a heartbeat: it resets the idle time of the entries that the consumer holds and still owns. An entry that was
// taken over stays with its new owner. An entry that was deleted from the stream stays in the pending list, from which XCLAIM
// would remove it, until its attempt has ended. It also makes the consumer again if somebody removed it; a full Redis refuses
// that, and the rest goes on. It is the consumer's sign of life: before 7.2, Redis does not take a fetch that finds nothing for
// one, but it does take a look at what the consumer holds, here behind the last but one possible id: the last means new ones.
//
// KEYS:
//
//	1  the stream
//
// ARGV:
//
//	1   group
//	2   consumer
//	3…  ids that the consumer holds
//
// Returns:
//
//	1  number of entries that it owns
//	2  1 if Redis is full
var keepalive = redis.NewScript(`
local made = redis.pcall('XGROUP', 'CREATECONSUMER', KEYS[1], ARGV[1], ARGV[2])
local full = type(made) == 'table' and string.sub(made.err or '', 1, 3) == 'OOM'
if type(made) == 'table' and not full then return made end
redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', 1, 'STREAMS', KEYS[1], '18446744073709551615-18446744073709551614')
local kept = 0
for i = 3, #ARGV do
	if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 1
		and #redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i]) == 1 then
		redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
		kept = kept + 1
	end
end
return {kept, full and 1 or 0}
`)

// release hands the entries that the consumer still owns to retry. Their idle time begins at a value that encodes the wait:
// they are due when it has reached ARGV[5] of claim.
//
// KEYS:
//
//	1  the stream
//
// ARGV:
//
//	1   group
//	2   consumer
//	3   idle time to begin with, in ms
//	4   spent: 1 if the delivery counts, else 0
//	5…  ids
//
// Returns:
//
//	1  number of entries handed over
//	2  number of entries deleted from the stream: XCLAIM has removed those from the list
var release = redis.NewScript(`
local released, lost = 0, 0
for i = 5, #ARGV do
	local entry = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])[1]
	if entry then
		local count = entry[4]
		if ARGV[4] == '0' then count = math.max(0, count - 1) end
		if #redis.call('XCLAIM', KEYS[1], ARGV[1], 'retry', 0, ARGV[i],
			'IDLE', ARGV[3], 'RETRYCOUNT', count, 'JUSTID') == 1 then
			released = released + 1
		else
			lost = lost + 1
		end
	end
end
return {released, lost}
`)

// deadLetter adds an entry to the dead letters and acknowledges it, if it is still pending with its owner. The fields stay as
// they are; values that are too long are cut.
//
// KEYS:
//
//	1  the stream
//	2  its dead letters
//
// ARGV:
//
//	1   group
//	2   id
//	3   owner
//	4   maximum bytes of a value
//	5   maximum number of fields
//	6…  names and values to add
//
// Returns the new entry's id, "" if the owner has lost the entry, or "lost" if it was deleted from the stream.
var deadLetter = redis.NewScript(`
local group, id, most = ARGV[1], ARGV[2], tonumber(ARGV[4])
if #redis.call('XPENDING', KEYS[1], group, id, id, 1, ARGV[3]) == 0 then return '' end
local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
if not entry then
	redis.call('XACK', KEYS[1], group, id)
	return 'lost'
end
local fields, cut = {}, ''
for i = 1, math.min(#entry[2], 2 * tonumber(ARGV[5])), 2 do
	local name, value = entry[2][i], entry[2][i + 1]
	if string.sub(name, 1, 3) ~= 'dlq' then
		if #name > most or #value > most then cut = ' (the entry was cut)' end
		fields[#fields + 1] = string.sub(name, 1, most)
		fields[#fields + 1] = string.sub(value, 1, most)
	end
end
if #entry[2] > 2 * tonumber(ARGV[5]) then cut = ' (the entry was cut)' end
for i = 6, #ARGV, 2 do
	fields[#fields + 1] = ARGV[i]
	fields[#fields + 1] = ARGV[i] == 'dlqerror' and ARGV[i + 1] .. cut or ARGV[i + 1]
end
local added = redis.call('XADD', KEYS[2], '*', unpack(fields))
redis.call('XACK', KEYS[1], group, id)
return added
`)

// redrive moves a dead letter back to its stream, for the group that gave it up, if it is still there.
//
// KEYS:
//
//	1  the dead letters
//	2  their stream
//
// ARGV:
//
//	1  id
//	2  traceparent of the move
//
// Returns the new entry's id, "" if the dead letter is gone, or an error that starts with NOGROUP if the group is.
var redrive = redis.NewScript(`
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not entry then return '' end
local fields, group, count = {}, '', 0
for i = 1, #entry[2], 2 do
	local name, value = entry[2][i], entry[2][i + 1]
	if name == 'dlqgroup' then group = value end
	if name == 'redrivecount' then count = tonumber(value) or 0 end
	if string.sub(name, 1, 3) ~= 'dlq' and string.sub(name, 1, 7) ~= 'redrive' then
		fields[#fields + 1] = name
		fields[#fields + 1] = value
	end
end
local groups, exists = redis.pcall('XINFO', 'GROUPS', KEYS[2]), false
if groups.err then groups = {} end
for _, info in ipairs(groups) do exists = exists or info[2] == group end
if not exists then return redis.error_reply('NOGROUP the group ' .. group .. ' does not exist any more') end
for _, field in ipairs({'redrivecount', count + 1, 'redrivegroup', group, 'redrivetraceparent', ARGV[2]}) do
	fields[#fields + 1] = field
end
local added = redis.call('XADD', KEYS[2], '*', unpack(fields))
redis.call('XDEL', KEYS[1], ARGV[1])
return added
`)

// removeConsumer removes a consumer from a group if it was idle for at least this long and has nothing pending: Redis would
// forget its pending entries too.
//
// KEYS:
//
//	1  the stream
//
// ARGV:
//
//	1  group
//	2  consumer
//	3  idle time, in ms
//
// Returns 1 if it was removed.
var removeConsumer = redis.NewScript(`
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
if consumers.err then return 0 end -- no such stream or group
for _, c in ipairs(consumers) do
	if c[2] == ARGV[2] and c[4] == 0 and c[6] >= tonumber(ARGV[3]) then
		redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
		return 1
	end
end
return 0
`)

// trim removes entries that every group has acknowledged and that are older than a retention. For a stream above the maximum
// length, the retention is shortened in proportion. A stream without groups is not trimmed. The subscribed group is made first
// if it is missing, at the beginning of the stream, so that it loses nothing that it has not read; if a full Redis refuses
// that, nothing is trimmed.
//
// KEYS:
//
//	1  the stream
//
// ARGV:
//
//	1  subscribed group
//	2  retention, in ms
//	3  maximum number of entries
//
// Returns the number of removed entries.
var trim = redis.NewScript(`
local length = redis.call('XLEN', KEYS[1])
if length == 0 then return 0 end
local known = false
for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do known = known or info[2] == ARGV[1] end
if not known then redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0') end
local function older(a, b)
	local ams, aseq = string.match(a, '^(%d+)-(%d+)$')
	local bms, bseq = string.match(b, '^(%d+)-(%d+)$')
	if ams ~= bms then return tonumber(ams) < tonumber(bms) end
	return tonumber(aseq) < tonumber(bseq)
end
local now = redis.call('TIME')
local retention = ARGV[2] * math.min(1, ARGV[3] / length)
local keep = string.format('%d-0', now[1] * 1000 + now[2] / 1000 - retention)
for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
	local unfinished = redis.call('XPENDING', KEYS[1], info[2], '-', '+', 1)[1]
	local from = unfinished and unfinished[1] or info[8] -- the oldest pending, or the last delivered
	if older(from, keep) then keep = from end
end
return redis.call('XTRIM', KEYS[1], 'MINID', keep)
`)
