package viewer

import (
	"bytes"
	"container/list"
	"errors"
	"fmt"
	"slices"
	"sync"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Memory besides the encoded bytes, in bytes, rounded up. The flood test compares the sum with the heap.
const (
	traceOverhead = 400 // storedTrace, its empty set of ids, its list element, its entry in the index
	spanOverhead  = 128 // storedSpan in a slice that doubles, its id in a set that doubles
)

// traceShare is the part of the store that one trace may take, as a divisor: a trace that never ends must not push out
// all others.
const traceShare = 4

var (
	errInvalidID        = errors.New("a span needs a trace id of 16 bytes and a span id of 8, not all zero")
	errInvalidReference = errors.New("the id of a span's parent, or in one of its links, has a wrong length: " +
		"expected 16 bytes for a trace id and 8 for a span id, or none")
	errTraceTooLong = errors.New("the trace takes its full share of the viewer's memory")
)

type (
	traceID [16]byte
	spanID  [8]byte

	// A server may name its span as its client did: so do Zipkin's.
	spanKey struct {
		id   spanID
		kind tracepb.Span_SpanKind
	}
)

// store keeps traces in at most max bytes. The trace least recently written to is evicted first: a trace that still grows is
// of interest, such as that of an old order that was just redriven.
type store struct {
	max int64

	mu      sync.RWMutex
	size    int64
	traces  map[traceID]*list.Element
	order   *list.List // of *storedTrace, the least recently written first
	shared  sharedSet
	evicted int64 // traces

	changes changes
}

// storedTrace is one trace. A copy made under the lock may be read without it: spans only grows, and its elements never
// change.
type storedTrace struct {
	id         traceID
	spans      []storedSpan
	seen       map[spanKey]struct{} // needs the lock
	start, end uint64               // Unix time in nanoseconds, over all spans
	size       int64                // bytes, without what is shared
	partial    bool                 // spans were refused, because the trace was too long
}

// storedSpan is a span as encoded protobuf, a fraction of the decoded size.
type storedSpan struct {
	resource *shared // a ResourceSpans without its scopes
	scope    *shared // a ScopeSpans without its spans
	data     []byte
}

func newStore(max int64) *store {
	return &store{
		max:    max,
		traces: map[traceID]*list.Element{},
		order:  list.New(),
		shared: sharedSet{},
	}
}

// add is receive for spans that were not encoded yet.
func (s *store) add(batches []*tracepb.ResourceSpans) (refused int64, reason error) {
	data, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: batches})
	if err != nil {
		return 0, fmt.Errorf("encode spans: %w", err)
	}
	result, err := receive(data, s)
	return result.records, errors.Join(result.reason, err)
}

func (s *store) holdResource(data []byte) (*shared, error) {
	batch := &tracepb.ResourceSpans{}
	data, err := check(data, batch)
	if err != nil {
		return nil, err
	}
	return s.hold(data, valuesIn(batch.GetResource().GetAttributes())), nil
}

func (s *store) holdScope(data []byte) (*shared, error) {
	group := &tracepb.ScopeSpans{}
	data, err := check(data, group)
	if err != nil {
		return nil, err
	}
	return s.hold(data, valuesIn(group.GetScope().GetAttributes())), nil
}

func (s *store) hold(data []byte, values int) *shared {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh, grown := s.shared.share(data, values)
	s.size += grown
	return sh
}

func (s *store) letGo(sh *shared) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size -= s.shared.release(sh)
}

func (s *store) keep(record []byte, resource, scope *shared) error {
	span := &tracepb.Span{}
	data, err := check(record, span)
	if err != nil {
		return err
	}
	fixed, err := fixIDs(span)
	if err != nil {
		return err
	}
	if fixed {
		if data, err = proto.Marshal(span); err != nil {
			return fmt.Errorf("encode span: %w", err)
		}
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.evict()
	t := s.touch(traceID(span.GetTraceId()))
	key := spanKey{spanID(span.GetSpanId()), span.GetKind()}
	if _, ok := t.seen[key]; ok {
		return nil
	}
	cost := cost(data, valuesInSpan(span)) + spanOverhead
	if t.size+cost > s.max/traceShare {
		t.partial = true
		return fmt.Errorf("trace %x: %w", t.id, errTraceTooLong)
	}
	t.seen[key] = struct{}{}
	resource.refs++
	scope.refs++
	t.spans = append(t.spans, storedSpan{resource: resource, scope: scope, data: bytes.Clone(data)})
	start, end := span.GetStartTimeUnixNano(), span.GetEndTimeUnixNano()
	if start != 0 && (t.start == 0 || start < t.start) {
		t.start = start
	}
	t.end = max(t.end, start, end)
	t.size += cost
	s.size += cost
	s.changes.wrote(t.id)
	return nil
}

func valuesInSpan(span *tracepb.Span) int {
	n := valuesIn(span.GetAttributes()) + len(span.GetEvents()) + len(span.GetLinks())
	for _, event := range span.GetEvents() {
		n += valuesIn(event.GetAttributes())
	}
	for _, link := range span.GetLinks() {
		n += valuesIn(link.GetAttributes())
	}
	return n
}

// fixIDs checks the ids of a span, and removes those of its parent and its links that are all zero, which are none.
func fixIDs(span *tracepb.Span) (fixed bool, err error) {
	if !validID(span.GetTraceId(), len(traceID{})) || !validID(span.GetSpanId(), len(spanID{})) {
		return false, errInvalidID
	}
	fix := func(id *[]byte, length int) {
		switch {
		case len(*id) == 0 || validID(*id, length):
		case isZero(*id):
			*id, fixed = nil, true
		default:
			err = errInvalidReference
		}
	}
	fix(&span.ParentSpanId, len(spanID{}))
	for _, link := range span.GetLinks() {
		fix(&link.TraceId, len(traceID{}))
		fix(&link.SpanId, len(spanID{}))
	}
	return fixed, err
}

// touch makes a trace the most recently written one, and returns it. It creates the trace if there is none.
func (s *store) touch(id traceID) *storedTrace {
	if e, ok := s.traces[id]; ok {
		s.order.MoveToBack(e)
		return e.Value.(*storedTrace)
	}
	t := &storedTrace{id: id, seen: map[spanKey]struct{}{}, size: traceOverhead}
	s.traces[id] = s.order.PushBack(t)
	s.size += t.size
	return t
}

// evict removes traces, the least recently written first, until the rest fits.
func (s *store) evict() {
	for s.size > s.max && s.order.Len() > 0 { // what is held for a batch goes with the batch
		t := s.order.Remove(s.order.Front()).(*storedTrace)
		delete(s.traces, t.id)
		for _, span := range t.spans {
			s.size -= s.shared.release(span.resource) + s.shared.release(span.scope)
		}
		s.size -= t.size
		s.evicted++
	}
}

// trace returns a trace as it is now.
func (s *store) trace(id traceID) (storedTrace, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e, ok := s.traces[id]; ok {
		return *e.Value.(*storedTrace), true
	}
	return storedTrace{}, false
}

// all returns every trace as it is now, the least recently written first.
func (s *store) all() []storedTrace {
	s.mu.RLock()
	defer s.mu.RUnlock()
	traces := make([]storedTrace, 0, len(s.traces))
	for e := s.order.Front(); e != nil; e = e.Next() {
		traces = append(traces, *e.Value.(*storedTrace))
	}
	return traces
}

func validID(id []byte, length int) bool {
	return len(id) == length && !isZero(id)
}

func isZero(id []byte) bool {
	return !slices.ContainsFunc(id, func(b byte) bool { return b != 0 })
}
