package messaging

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Redis's own lag of a group (XINFO GROUPS) is not used as it is: it is unknown after a deletion or for a group that started
// in the middle, and in Redis 7.0 it stays wrong, and looks right, once entries were removed that the group had not read.
// Nothing else in the reply shows that. So the lag is exact in these cases only:
//
//   - The group was given the last entry, or a later id: the lag is 0.
//   - The group was not given the first entry: the lag is the length of the stream, because ids only grow.
//   - Nothing was ever removed: the stream is as long as the number of entries ever added. Then Redis's counters are right,
//     and the lag is entries added less entries read.
//   - The undelivered entries were counted, one by one.
//   - They were counted up to a mark: an id for which an earlier look knows how many entries had been added by then. That
//     gives the number added after the mark, and all of those are still there: nothing after the mark was deleted
//     (max-deleted-entry-id), and trimming begins at the first entry, which is before the mark.
//
// Counting costs Redis 4 µs an entry, during which it does nothing else. So at most maxCounted entries are counted for a
// group, and at most maxCountedAtOnce in a look. Beyond that the lag is a lower bound.
//
// The lag is wrong if somebody sets Redis's counters (XSETID, ENTRIESREAD), or replaces a stream between two looks by one
// that has more entries and smaller ids.
const (
	maxCounted       = 1_000
	maxCountedAtOnce = 5_000
	markEvery        = 20 // entries, or the number added between two looks if that is more
)

// An entryID is the id of an entry, in the order of the stream.
type entryID struct{ ms, seq uint64 }

func parseEntryID(text string) (id entryID) {
	ms, seq, _ := strings.Cut(text, "-")
	id.ms, _ = strconv.ParseUint(ms, 10, 64)
	id.seq, _ = strconv.ParseUint(seq, 10, 64)
	return id
}

func (id entryID) String() string {
	return strconv.FormatUint(id.ms, 10) + "-" + strconv.FormatUint(id.seq, 10)
}

func (id entryID) compare(other entryID) int {
	return cmp.Or(cmp.Compare(id.ms, other.ms), cmp.Compare(id.seq, other.seq))
}

// A mark is an id, and the number of entries ever added to the stream up to it.
type mark struct {
	id    entryID
	added int64
}

// marks are ordered by id. The last one is the end of the stream.
type marks []mark

// with adds the present end of the stream as a mark. It drops marks before the first entry, and all of them if the end went
// back: then it is another stream.
func (m marks) with(l *look) marks {
	end := mark{l.generated, l.added}
	if n := len(m); n > 0 && (m[n-1].id.compare(end.id) > 0 || m[n-1].added > end.added) {
		m = nil
	}
	m = slices.DeleteFunc(m, func(old mark) bool { return old.id.compare(l.first) < 0 })
	if n := len(m); n >= 2 && end.added-m[n-2].added < markEvery {
		m = m[:n-1]
	}
	return append(m, end)
}

// after returns the first mark at or after both ids.
func (m marks) after(a, b entryID) mark {
	if a.compare(b) < 0 {
		a = b
	}
	i, _ := slices.BinarySearchFunc(m, a, func(m mark, id entryID) int { return m.id.compare(id) })
	return m[min(i, len(m)-1)]
}

// lag returns the known part of a group's lag. The rest, from the last delivered entry up to upTo, must be counted; there is
// none if both are the same.
func (l *look) lag(g groupLook, m marks) (known int64, upTo entryID) {
	switch {
	case l.length == 0 || g.delivered.compare(l.last) >= 0:
		return 0, g.delivered
	case g.delivered.compare(l.first) < 0:
		return l.length, g.delivered
	case l.added == l.length && g.read >= 0:
		return l.added - g.read, g.delivered
	default:
		next := m.after(g.delivered, l.deleted)
		return l.added - next.added, next.id
	}
}

// An unread range has undelivered entries that must be counted for the lag of a group.
type unread struct {
	partition   int
	after, upTo entryID
	group       *GroupInfo
}

// countScript counts entries, because XRANGE would send them. It reads one page at a time, which a script holds in memory.
// KEYS: the stream. ARGV: count after this id, up to this id, maximum. Returns the number of entries, or the maximum.
var countScript = redis.NewScript(`
local from, most, counted = '(' .. ARGV[1], tonumber(ARGV[3]), 0
repeat
	local page = math.min(100, most - counted)
	local entries = redis.call('XRANGE', KEYS[1], from, ARGV[2], 'COUNT', page)
	counted = counted + #entries
	if #entries > 0 then from = '(' .. entries[#entries][1] end
until #entries < page or counted == most
return counted
`)

// count adds the numbers of entries in the ranges to the lags of their groups.
func (in *inspector) count(ctx context.Context, ranges []unread) error {
	if len(ranges) == 0 {
		return nil
	}
	most := int64(min(maxCounted, maxCountedAtOnce/len(ranges)))
	calls := make([]call, len(ranges))
	for i, r := range ranges {
		calls[i] = call{[]string{StreamKey(in.stream, r.partition)}, []any{r.after.String(), r.upTo.String(), most}}
	}
	replies, err := runAll(ctx, in.client, countScript, calls)
	for i, r := range ranges {
		counted, ok := replies[i].(int64)
		r.group.Lag += counted
		r.group.LagCapped = !ok || counted == most
	}
	return err
}
