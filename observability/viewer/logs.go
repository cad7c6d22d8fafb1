package viewer

import (
	"bytes"
	"container/list"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"
)

const (
	maxLogBytes    = 16 << 20 // some tens of thousands of records
	maxRecordBytes = 1 << 20  // of one record with its resource
	recordsAtOnce  = 500      // read under one lock

	recordOverhead = 320 // storedRecord, its list element, its place in the index: a trace may have one record only
)

var errRecordTooLong = fmt.Errorf("a log record takes more than %d bytes", maxRecordBytes)

// logStore keeps log records in at most max bytes. The oldest is evicted first.
type logStore struct {
	max int64

	mu        sync.RWMutex
	size      int64
	records   *list.List                  // of *storedRecord, in order of arrival
	traces    map[traceID][]*storedRecord // the same by trace, without those that have none
	resources sharedSet
	evicted   int64 // records
}

// storedRecord never changes, so that it may be read without the lock.
type storedRecord struct {
	trace    traceID // zero if it belongs to none
	resource *shared // a ResourceLogs without its scopes
	data     []byte  // a LogRecord
	cost     int64   // the memory that it counts
}

func newLogStore(max int64) *logStore {
	return &logStore{max: max, records: list.New(), traces: map[traceID][]*storedRecord{}, resources: sharedSet{}}
}

func (s *logStore) holdResource(data []byte) (*shared, error) {
	batch := &logspb.ResourceLogs{}
	data, err := check(data, batch)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sh, grown := s.resources.share(data, valuesIn(batch.GetResource().GetAttributes()))
	s.size += grown
	return sh, nil
}

// holdScope returns nil: a record's scope, which names a library, is not kept.
func (s *logStore) holdScope([]byte) (*shared, error) { return nil, nil }

func (s *logStore) letGo(sh *shared) {
	if sh == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size -= s.resources.release(sh)
}

func (s *logStore) keep(data []byte, resource, _ *shared) error {
	record := &logspb.LogRecord{}
	data, err := check(data, record)
	if err != nil {
		return err
	}
	// What a record says is worth more than its ids: where they are wrong, it belongs to no trace.
	wrongTrace, wrongSpan := dropWrong(&record.TraceId, len(traceID{})), dropWrong(&record.SpanId, len(spanID{}))
	if wrongTrace || wrongSpan {
		if data, err = proto.Marshal(record); err != nil {
			return fmt.Errorf("encode log record: %w", err)
		}
	}
	values := valuesIn(record.GetAttributes()) + nestedIn(record.GetBody())
	stored := &storedRecord{resource: resource, data: bytes.Clone(data), cost: cost(data, values) + recordOverhead}
	if stored.cost+int64(len(resource.data)) > maxRecordBytes {
		return errRecordTooLong
	}
	if len(record.GetTraceId()) > 0 {
		stored.trace = traceID(record.GetTraceId())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	resource.refs++
	s.records.PushBack(stored)
	if stored.trace != (traceID{}) {
		s.traces[stored.trace] = append(s.traces[stored.trace], stored)
	}
	s.size += stored.cost
	for s.size > s.max && s.records.Len() > 0 {
		s.evict()
	}
	return nil
}

func dropWrong(id *[]byte, length int) (dropped bool) {
	if len(*id) == 0 || validID(*id, length) {
		return false
	}
	*id = nil
	return true
}

// evict removes the oldest record, which is the oldest of its trace, too.
func (s *logStore) evict() {
	oldest := s.records.Remove(s.records.Front()).(*storedRecord)
	if left := s.traces[oldest.trace]; len(left) > 1 {
		left[0] = nil // the array stays in use
		s.traces[oldest.trace] = left[1:]
	} else {
		delete(s.traces, oldest.trace)
	}
	s.size -= oldest.cost + s.resources.release(oldest.resource)
	s.evicted++
}

// newest returns the records of each of some traces, or of all if none is named, each from the last that arrived to the first.
func (s *logStore) newest(traces []traceID) []iter.Seq[*storedRecord] {
	if len(traces) == 0 {
		return []iter.Seq[*storedRecord]{s.all}
	}
	var found []iter.Seq[*storedRecord]
	for _, id := range traces {
		found = append(found, func(yield func(*storedRecord) bool) {
			for _, record := range slices.Backward(s.of(id)) {
				if !yield(record) {
					return
				}
			}
		})
	}
	return found
}

// of returns the records of a trace, in order of arrival.
func (s *logStore) of(id traceID) []*storedRecord {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.traces[id])
}

// all goes from the newest record to the oldest, and holds the lock only for a few at a time: senders do not wait for readers.
func (s *logStore) all(yield func(*storedRecord) bool) {
	s.mu.RLock()
	next := s.records.Back()
	s.mu.RUnlock()
	for next != nil {
		var records []*storedRecord
		records, next = s.some(next)
		for _, record := range records {
			if !yield(record) {
				return
			}
		}
	}
}

// some returns a few records, from one to older ones, and the one before them. If one was evicted meanwhile, so were all that
// are older: it is the last.
func (s *logStore) some(from *list.Element) (records []*storedRecord, next *list.Element) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for next = from; next != nil && len(records) < recordsAtOnce; next = next.Prev() {
		records = append(records, next.Value.(*storedRecord))
	}
	return records, next
}

// resourceData returns the resources of all records, encoded.
func (s *logStore) resourceData() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Collect(maps.Keys(s.resources))
}
