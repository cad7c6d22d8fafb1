package messaging

import "github.com/redis/go-redis/v9"

// What must be checked and done at once is a script: in two steps each of these loses or doubles messages, because
// another consumer, or this one after a pause, comes in between. Each touches the keys of one partition only.

// retryConsumer is the pseudo-consumer that owns what waits for its next attempt. No process has its name.
const retryConsumer = "retry"

// claim finds what is due in a group's pending list and takes it over.
//
// Due is what waits with the pseudo-consumer retry once its idle time exceeds the backoff for its delivery count, and
// what anybody else owns once it was idle for claim_after: its consumer is dead, or it is this one and the reply that
// delivered it was lost. What this consumer holds is passed, and left alone. The whole list is looked through, because
// entries that are not yet due must not hide those that are.
//
// A suspect is an entry of a dead consumer that was delivered twice or more: it may be what killed them. Suspects are
// left where they are and counted, unless alone is 1: then one suspect is taken, and nothing else.
//
// KEYS: the stream. ARGV: group, consumer, limit, claim_after, first and most backoff in ms, deliveries before
// dead-lettering, alone, then the ids held.
// Returns {taken, exhausted, lost, suspects, wait}: taken and exhausted are lists of {id, fields, owner, deliveries, idle
// in ms} as they were before; exhausted entries are due but have had all their deliveries, and are not taken; lost is
// how many were deleted from the stream; wait is the time in ms until something seen here will be due.
var claim = redis.NewScript(`
local key, group, me = KEYS[1], ARGV[1], ARGV[2]
local limit, claim_after = tonumber(ARGV[3]), tonumber(ARGV[4])
local first, most, deliveries = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local alone = ARGV[8] == '1'
local held = {}
for i = 9, #ARGV do held[ARGV[i]] = true end

-- Plus or minus 20 %, from the id: the same at every look at an entry.
local function backoff(id, count)
	local ms, seq = string.match(id, '^(%d+)-(%d+)$')
	local jitter = 0.8 + ((tonumber(ms) * 31 + tonumber(seq) * 17) % 401) / 1000
	return math.min(first * 3 ^ math.max(0, count - 1) * jitter, most)
end

local taken, exhausted, lost, suspects, wait = {}, {}, 0, 0, most
local from = '-'
repeat
	local page = redis.call('XPENDING', key, group, from, '+', 1000)
	for _, entry in ipairs(page) do
		local id, owner, idle, count = entry[1], entry[2], entry[3], entry[4]
		from = '(' .. id
		local needed = claim_after
		if owner == 'retry' then needed = backoff(id, count) end
		local suspect = owner ~= 'retry' and owner ~= me and count >= 2
		if held[id] then
			-- its heartbeat is late
		elseif idle < needed then
			wait = math.min(wait, needed - idle)
		elseif count >= deliveries then
			if not alone then
				local found = redis.call('XRANGE', key, id, id)
				if found[1] then
					exhausted[#exhausted + 1] = {id, found[1][2], owner, count, idle}
				else
					redis.call('XACK', key, group, id)
					lost = lost + 1
				end
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
		if #taken + #exhausted >= limit then return {taken, exhausted, lost, suspects, 0} end
	end
until #page < 1000
return {taken, exhausted, lost, suspects, math.ceil(wait)}
`)

// keepalive is a heartbeat: it resets the idle time of what the consumer holds and still owns. What was taken over from
// it meanwhile stays with its new owner. What was deleted from the stream stays in the list, from which XCLAIM would
// remove it, until it is known whether its attempt succeeds. It also makes the consumer again if somebody removed it.
// KEYS: the stream. ARGV: group, consumer, ids. Returns how many it owns.
var keepalive = redis.NewScript(`
redis.call('XGROUP', 'CREATECONSUMER', KEYS[1], ARGV[1], ARGV[2])
local kept = 0
for i = 3, #ARGV do
	if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 1
		and #redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i]) == 1 then
		redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
		kept = kept + 1
	end
end
return kept
`)

// release hands what the consumer still owns to the pseudo-consumer retry. With spent 1 its backoff begins now; with
// spent 0 the delivery does not count, and it is due at once.
// KEYS: the stream. ARGV: group, consumer, spent, ids. Returns how many it handed over, and how many were deleted from the
// stream: XCLAIM has removed those from the list.
var release = redis.NewScript(`
local released, lost = 0, 0
for i = 4, #ARGV do
	local entry = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])[1]
	if entry then
		local options = {'IDLE', 0}
		if ARGV[3] == '0' then options = {'IDLE', 86400000, 'RETRYCOUNT', math.max(0, entry[4] - 1)} end
		options[#options + 1] = 'JUSTID'
		if #redis.call('XCLAIM', KEYS[1], ARGV[1], 'retry', 0, ARGV[i], unpack(options)) == 1 then
			released = released + 1
		else
			lost = lost + 1
		end
	end
end
return {released, lost}
`)

// deadLetter adds an entry to the dead letters and acknowledges it, if it is still pending with its owner. The fields
// stay as they are, but for values that are cut: a stranger may have written them.
// KEYS: the stream, the dead letters. ARGV: group, id, owner, most bytes of a value, most fields, then names and values
// to add. Returns the new entry's id, nothing if the entry is not the owner's any more, or 'lost' if it was deleted.
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
// KEYS: the dead letters, the stream. ARGV: id, traceparent of the move. Returns the new entry's id, nothing if the dead
// letter is gone, or an error that starts with NOGROUP if the group is.
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

// removeConsumer removes a consumer that was idle for so long from a group, unless something is pending with it: Redis
// would forget that too.
// KEYS: the stream. ARGV: group, consumer, idle in ms. Returns 1 if it was removed.
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

// trim removes entries that are older than a time and acknowledged by every group. A stream without groups is left
// alone: nobody has acknowledged anything. The subscribed group is made first if it is missing, at the beginning of the
// stream, so that nothing is trimmed that it has yet to read.
// KEYS: the stream. ARGV: subscribed group, time in ms. Returns how many it removed.
var trim = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0')
local function older(a, b)
	local ams, aseq = string.match(a, '^(%d+)-(%d+)$')
	local bms, bseq = string.match(b, '^(%d+)-(%d+)$')
	if ams ~= bms then return tonumber(ams) < tonumber(bms) end
	return tonumber(aseq) < tonumber(bseq)
end
local keep = ARGV[2] .. '-0'
for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
	local unfinished = redis.call('XPENDING', KEYS[1], info[2], '-', '+', 1)[1]
	local from = unfinished and unfinished[1] or info[8] -- the oldest pending, or the last delivered
	if older(from, keep) then keep = from end
end
return redis.call('XTRIM', KEYS[1], 'MINID', keep)
`)
