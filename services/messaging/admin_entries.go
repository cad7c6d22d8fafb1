package messaging

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// An Entry is one entry of a stream, as it is in Redis: nothing is decoded.
type Entry struct {
	ID     string      `json:"id"`
	Key    string      `json:"key"`
	Fields [][2]string `json:"fields"` // names and values, in Redis's order
}

// PendingInfo is a message that was delivered to a group and not acknowledged.
type PendingInfo struct {
	ID         string  `json:"id"` // of the entry
	Partition  int     `json:"partition"`
	Group      string  `json:"group"`
	Consumer   string  `json:"consumer"` // its owner; retry owns messages until their next attempt
	Deliveries int64   `json:"deliveries"`
	Idle       float64 `json:"idle_seconds"` // since it was delivered, handed over, or kept alive by a heartbeat
	Retry      bool    `json:"retry"`        // it failed and waits for its next attempt; Idle says nothing then
	Due        float64 `json:"due_seconds"`  // until that attempt, where consumers have the default of BackoffMost
	Subject    string  `json:"subject"`      // empty, as is Type, if the entry was deleted
	Type       string  `json:"type"`
}

// Entry returns the entry with an id such as 1795240000000-0, and whether it exists: streams are trimmed.
func (a *Admin) Entry(ctx context.Context, stream string, partition int, id string) (Entry, bool, error) {
	found, err := readEntries(ctx, a.client, "XRANGE", StreamKey(stream, partition), id, id, 1)
	if err != nil || len(found) == 0 {
		return Entry{}, false, err
	}
	return found[0], true, nil
}

// Pending lists at most limit pending messages of a stream's groups, the oldest first in each group.
func (a *Admin) Pending(ctx context.Context, stream string, limit int64) ([]PendingInfo, error) {
	all := []PendingInfo{}
	for partition := range a.Partitions {
		key := StreamKey(stream, partition)
		groups, err := a.client.XInfoGroups(ctx, key).Result()
		if err != nil && !isNoStream(err) {
			return nil, fmt.Errorf("read the groups of %s: %w", key, err)
		}
		for _, group := range groups {
			left := limit - int64(len(all))
			if left <= 0 {
				return all, nil
			}
			found, err := a.pending(ctx, key, group.Name, left)
			if err != nil {
				return nil, fmt.Errorf("read the pending messages of %s in %s: %w", group.Name, key, err)
			}
			for i := range found {
				found[i].Partition = partition
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

func (a *Admin) pending(ctx context.Context, key, group string, limit int64) ([]PendingInfo, error) {
	pending, err := a.client.XPendingExt(ctx, &redis.XPendingExtArgs{
		Stream: key, Group: group, Start: "-", End: "+", Count: limit,
	}).Result()
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	pipeline := a.client.Pipeline()
	entries := make([]*redis.XMessageSliceCmd, len(pending))
	for i, p := range pending {
		entries[i] = pipeline.XRange(ctx, key, p.ID, p.ID)
	}
	if _, err := pipeline.Exec(ctx); err != nil {
		return nil, err
	}
	infos := make([]PendingInfo, len(pending))
	for i, p := range pending {
		infos[i] = PendingInfo{ID: p.ID, Group: group, Consumer: p.Consumer, Deliveries: p.RetryCount, Idle: p.Idle.Seconds()}
		if p.Consumer == retryConsumer { // whose messages are due when they have been idle for the longest backoff
			infos[i].Retry, infos[i].Due = true, max(0, (DefaultBackoffMost-p.Idle).Seconds())
		}
		for _, entry := range entries[i].Val() {
			infos[i].Subject, _ = entry.Values[fieldSubject].(string)
			infos[i].Type, _ = entry.Values[fieldType].(string)
		}
	}
	return infos, nil
}

// readEntries runs XRANGE or XREVRANGE. The client's own methods lose the order of the fields.
func readEntries(ctx context.Context, client redis.UniversalClient, command, key, from, to string, limit int) ([]Entry, error) {
	reply, err := client.Do(ctx, command, key, from, to, "COUNT", limit).Slice()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	entries := make([]Entry, len(reply))
	for i := range reply {
		entry := reply[i].([]any)
		fields := entry[1].([]any)
		entries[i] = Entry{ID: entry[0].(string), Key: key, Fields: make([][2]string, len(fields)/2)}
		for f := range entries[i].Fields {
			entries[i].Fields[f] = [2]string{fields[2*f].(string), fields[2*f+1].(string)}
		}
	}
	return entries, nil
}

// message is the entry as the client's own methods return it.
func (e Entry) message() redis.XMessage {
	values := make(map[string]any, len(e.Fields))
	for _, field := range e.Fields {
		values[field[0]] = field[1]
	}
	return redis.XMessage{ID: e.ID, Values: values}
}
