package viewer

import (
	"bytes"
	"container/list"
	"errors"
	"fmt"
	"sync"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"
)

const (
	maxLogBytes    = 16 << 20 // some tens of thousands of records
	maxRecordBytes = 1 << 20  // of one record with its resource

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

// of returns the newest records of a trace, or of all if id is zero: at most limit, in order of arrival.
func (s *logStore) of(id traceID, limit int) []*storedRecord {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if id != (traceID{}) {
		records := s.traces[id]
		return append([]*storedRecord{}, records[max(0, len(records)-limit):]...)
	}
	records := make([]*storedRecord, min(limit, s.records.Len()))
	e := s.records.Back()
	for i := len(records) - 1; i >= 0; i-- {
		records[i] = e.Value.(*storedRecord)
		e = e.Prev()
	}
	return records
}

func (r *storedRecord) decode() (*logspb.ResourceLogs, *logspb.LogRecord, error) {
	resource, record := &logspb.ResourceLogs{}, &logspb.LogRecord{}
	err := errors.Join(proto.Unmarshal([]byte(r.resource.data), resource), proto.Unmarshal(r.data, record))
	if err != nil {
		return nil, nil, fmt.Errorf("decode log record: %w", err)
	}
	return resource, record, nil
}
