package messaging

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Admin shows an operator streams and dead letters, and changes them. Its methods ask Redis at once; their errors are
// Redis's unless they say otherwise.
type Admin struct{ *shared }

// Admin returns an Admin of the streams.
func (s *Streams) Admin() *Admin { return &Admin{s.shared} }

// A DeadLetter is a message that a group could not process, and why.
type DeadLetter struct {
	ID        string    `json:"id"` // of the entry in the dead-letter stream
	Partition int       `json:"partition"`
	Message   Message   `json:"-"`        // as it was, without the headers that a dead letter adds
	Reason    string    `json:"reason"`   // permanent, exhausted, undecodable or unknown_version
	Error     string    `json:"error"`    // of the last attempt
	Attempts  int64     `json:"attempts"` // deliveries
	EntryID   string    `json:"entry_id"` // of the entry in the stream
	Group     string    `json:"group"`    // that gave it up
	Consumer  string    `json:"consumer"` // that gave it up
	Time      time.Time `json:"time"`     // when
	Redrives  int64     `json:"redrives"` // how often it was redriven before

	// Fields are the message's names and values as they are in Redis, even if they cannot be read as a Message.
	Fields [][2]string `json:"-"`

	traceparent string // of the span that moved it here
}

// TraceID returns the id of the trace that the message was created in, or "" if the message has none.
func (d DeadLetter) TraceID() string {
	if sc := spanContextOf(d.Message.Headers.Get("traceparent")); sc.IsValid() {
		return sc.TraceID().String()
	}
	return ""
}

// Streams describes each partition of a stream, in order. A partition that does not exist yet has no messages and no groups. With
// an error it returns those whose node answers.
func (a *Admin) Streams(ctx context.Context, stream string) ([]StreamInfo, error) {
	infos, err := newInspector(a.client, stream, a.Partitions).inspect(ctx)
	for i := range infos {
		infos[i].Master = masterOf(ctx, a.client, StreamKey(stream, infos[i].Partition))
	}
	return infos, err
}

// ForgetGroup removes a group, with its pending messages, from every partition of a stream, and reports whether it existed.
// Use it for a group that will never read again: until then the stream is not trimmed.
func (a *Admin) ForgetGroup(ctx context.Context, stream, group string) (bool, error) {
	found := false
	for partition := range a.Partitions {
		key := StreamKey(stream, partition)
		destroyed, err := a.client.XGroupDestroy(ctx, key, group).Result()
		if err != nil && !isNoStream(err) {
			return found, fmt.Errorf("forget group %s of %s: %w", group, key, err)
		}
		found = found || destroyed > 0
	}
	return found, nil
}

// deadLetterPage is the number of dead letters in one read.
const deadLetterPage = 500

// DeadLetters lists a stream's dead letters, the oldest first in each partition.
func (a *Admin) DeadLetters(ctx context.Context, stream string) ([]DeadLetter, error) {
	var all []DeadLetter
	for partition := range a.Partitions {
		key := deadLetterKey(stream, partition)
		for from := "-"; ; {
			entries, err := readEntries(ctx, a.client, "XRANGE", key, from, "+", deadLetterPage)
			if err != nil {
				return nil, err
			}
			for _, entry := range entries {
				all = append(all, deadLetterOf(stream, partition, entry))
				from = "(" + entry.ID
			}
			if len(entries) < deadLetterPage {
				break
			}
		}
	}
	return all, nil
}

// NewestDeadLetters lists at most limit of a stream's dead letters, the newest first, and returns the number of all.
func (a *Admin) NewestDeadLetters(ctx context.Context, stream string, limit int) (newest []DeadLetter, total int64, err error) {
	all := func(DeadLetter) bool { return true }
	newest, _, total, err = a.FindDeadLetters(ctx, stream, all, limit, limit)
	return newest, total, err
}

// FindDeadLetters is NewestDeadLetters of those that match, among the newest so many in each partition. It also returns how many
// it looked at: fewer than that if limit were found before.
func (a *Admin) FindDeadLetters(
	ctx context.Context, stream string, match func(DeadLetter) bool, limit, among int,
) (found []DeadLetter, looked, total int64, err error) {
	for partition := range a.Partitions {
		key := deadLetterKey(stream, partition)
		matching := 0
		for to, left := "+", among; left > 0 && matching < limit; {
			page := min(limit, left)
			entries, err := readEntries(ctx, a.client, "XREVRANGE", key, to, "-", page)
			if err != nil {
				return nil, 0, 0, err
			}
			for _, entry := range entries {
				to = "(" + entry.ID
				looked++
				if d := deadLetterOf(stream, partition, entry); match(d) {
					found = append(found, d)
					matching++
				}
			}
			if left -= page; len(entries) < page {
				break
			}
		}
		length, err := a.client.XLen(ctx, key).Result()
		if err != nil {
			return nil, 0, 0, fmt.Errorf("count %s: %w", key, err)
		}
		total += length
	}
	slices.SortStableFunc(found, func(a, b DeadLetter) int { return b.Time.Compare(a.Time) })
	return found[:min(limit, len(found))], looked, total, nil
}

// DeadLetter returns the dead letter with this id, and whether it exists.
func (a *Admin) DeadLetter(ctx context.Context, stream string, partition int, id string) (DeadLetter, bool, error) {
	found, err := readEntries(ctx, a.client, "XRANGE", deadLetterKey(stream, partition), id, id, 1)
	if err != nil || len(found) == 0 {
		return DeadLetter{}, false, err
	}
	return deadLetterOf(stream, partition, found[0]), true, nil
}

// deadLetterOf reads an entry. Of an undecodable message it returns the fields that can be read.
func deadLetterOf(stream string, partition int, entry Entry) DeadLetter {
	m, _ := decode(stream, entry.message())
	number := func(header string) int64 {
		n, _ := strconv.ParseInt(m.Headers.Get(header), 10, 64)
		return n
	}
	at, _ := time.Parse(time.RFC3339Nano, m.Headers.Get(headerTime))
	d := DeadLetter{
		ID: entry.ID, Partition: partition, Reason: m.Headers.Get(headerReason), Error: m.Headers.Get(headerError),
		Attempts: number(headerAttempts), EntryID: m.Headers.Get(headerEntryID), Group: m.Headers.Get(headerGroup),
		Consumer: m.Headers.Get(headerConsumer), Time: at, Redrives: number(headerRedriveCount),
		traceparent: m.Headers.Get(headerTraceparent),
	}
	maps.DeleteFunc(m.Headers, func(name, _ string) bool { return strings.HasPrefix(name, "dlq") })
	m.Data = slices.Clone(m.Data) // Fields keep the text that it was made of
	d.Message = m
	for _, field := range entry.Fields {
		if !strings.HasPrefix(field[0], "dlq") {
			d.Fields = append(d.Fields, field)
		}
	}
	return d
}

// Redrive moves a dead letter back to its stream, for the group that gave it up; other groups ignore it. It returns false
// if the dead letter no longer exists, and an error if the group no longer exists. Unless forced, it returns ErrTooOld for an
// event older than InboxRetention; an event without a time is as old as its dead letter. The span of the move is a child of
// ctx's; the next attempt links to it.
func (a *Admin) Redrive(ctx context.Context, stream string, d DeadLetter, force bool) (bool, error) {
	created := d.Message.Time
	if created.IsZero() {
		created = d.Time
	}
	if !force && !created.IsZero() && time.Since(created) > InboxRetention {
		return false, fmt.Errorf("redrive %s of %s: %w", d.ID, StreamKey(stream, d.Partition), ErrTooOld)
	}
	ctx, span := a.instrumentation.startRedrive(ctx, stream, d)
	defer span.End()
	own := Headers{}
	own.inject(ctx)
	key := StreamKey(stream, d.Partition)
	added, err := redrive.Run(ctx, a.client, []string{deadLetterKey(stream, d.Partition), key}, d.ID, own.Get("traceparent")).Text()
	if err != nil {
		fail(span, err)
		return false, fmt.Errorf("redrive %s of %s: %w", d.ID, key, err)
	}
	return added != "", nil
}

// Discard deletes a dead letter for good, and reports whether it existed.
func (a *Admin) Discard(ctx context.Context, stream string, d DeadLetter) (bool, error) {
	key := deadLetterKey(stream, d.Partition)
	deleted, err := a.client.XDel(ctx, key, d.ID).Result()
	if err != nil {
		return false, fmt.Errorf("discard %s of %s: %w", d.ID, key, err)
	}
	return deleted > 0, nil
}

// isNoStream reports whether err is Redis's answer about the groups of a stream that does not exist.
func isNoStream(err error) bool {
	return strings.Contains(err.Error(), "no such key") || strings.Contains(err.Error(), "requires the key to exist")
}
