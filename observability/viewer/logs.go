package viewer

import (
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

// storedRecord never changes, so that it may be read without the lock. Its scope, which names a library, is not kept.
type storedRecord struct {
	trace    traceID // zero if it belongs to none
	resource *shared // a ResourceLogs without its scopes
	data     []byte  // a LogRecord
}

func newLogStore(max int64) *logStore {
	return &logStore{max: max, records: list.New(), traces: map[traceID][]*storedRecord{}, resources: sharedSet{}}
}

// add keeps the records of batches, which the caller must not use any more. It returns the number of refused records, and the
// reason for the last one.
func (s *logStore) add(batches []*logspb.ResourceLogs) (refused int64, reason error) {
	for _, batch := range batches {
		scopes := batch.GetScopeLogs()
		batch.ScopeLogs = nil
		resource := encode(batch)
		for _, scope := range scopes {
			for _, record := range scope.GetLogRecords() {
				if err := s.addRecord(record, resource); err != nil {
					refused, reason = refused+1, err
				}
			}
		}
	}
	return refused, reason
}

func (s *logStore) addRecord(record *logspb.LogRecord, resource []byte) error {
	stored := &storedRecord{data: encode(record)}
	if stored.size()+int64(len(resource)) > maxRecordBytes {
		return errRecordTooLong
	}
	if validID(record.GetTraceId(), len(traceID{})) {
		stored.trace = traceID(record.GetTraceId())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var grown int64
	stored.resource, grown = s.resources.share(resource)
	s.records.PushBack(stored)
	if stored.trace != (traceID{}) {
		s.traces[stored.trace] = append(s.traces[stored.trace], stored)
	}
	s.size += stored.size() + grown
	for s.size > s.max {
		s.evict()
	}
	return nil
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
	s.size -= oldest.size() + s.resources.release(oldest.resource)
	s.evicted++
}

func (r *storedRecord) size() int64 {
	return int64(len(r.data)+len(r.data)/8) + recordOverhead
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
