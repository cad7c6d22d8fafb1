package viewer

import (
	"container/list"
	"errors"
	"fmt"
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
	errInvalidID    = errors.New("a span needs a trace id of 16 bytes and a span id of 8, not all zero")
	errTraceTooLong = errors.New("the trace takes its full share of the viewer's memory")
)

type (
	traceID [16]byte
	spanID  [8]byte
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
	seen       map[spanID]struct{} // needs the lock
	start, end uint64              // Unix time in nanoseconds, over all spans
	size       int64               // bytes, without what is shared
	partial    bool                // spans were refused, because the trace was too long
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

// add keeps the spans of batches, which the caller must not use any more. It returns the number of refused spans, and the
// reason for the last one.
func (s *store) add(batches []*tracepb.ResourceSpans) (refused int64, reason error) {
	for _, batch := range batches {
		scopes := batch.GetScopeSpans()
		batch.ScopeSpans = nil
		resource := encode(batch)
		for _, scope := range scopes {
			spans := scope.GetSpans()
			scope.Spans = nil
			encodedScope := encode(scope)
			for _, span := range spans {
				if err := s.addSpan(span, resource, encodedScope); err != nil {
					refused, reason = refused+1, err
				}
			}
		}
	}
	return refused, reason
}

func (s *store) addSpan(span *tracepb.Span, resource, scope []byte) error {
	if !validID(span.GetTraceId(), len(traceID{})) || !validID(span.GetSpanId(), len(spanID{})) {
		return errInvalidID
	}
	data := encode(span)

	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.evict()
	t := s.touch(traceID(span.GetTraceId()))
	id := spanID(span.GetSpanId())
	if _, ok := t.seen[id]; ok {
		return nil
	}
	// The allocator rounds up to its size classes, by an eighth at most for what a span usually takes.
	cost := int64(len(data)+len(data)/8) + spanOverhead
	if t.size+cost > s.max/traceShare {
		t.partial = true
		return fmt.Errorf("trace %x: %w", t.id, errTraceTooLong)
	}
	t.seen[id] = struct{}{}
	sharedResource, resourceGrown := s.shared.share(resource)
	sharedScope, scopeGrown := s.shared.share(scope)
	t.spans = append(t.spans, storedSpan{resource: sharedResource, scope: sharedScope, data: data})
	if t.start == 0 || span.GetStartTimeUnixNano() < t.start {
		t.start = span.GetStartTimeUnixNano()
	}
	t.end = max(t.end, span.GetEndTimeUnixNano())
	t.size += cost
	s.size += cost + resourceGrown + scopeGrown
	s.changes.wrote(t.id)
	return nil
}

// touch makes a trace the most recently written one, and returns it. It creates the trace if there is none.
func (s *store) touch(id traceID) *storedTrace {
	if e, ok := s.traces[id]; ok {
		s.order.MoveToBack(e)
		return e.Value.(*storedTrace)
	}
	t := &storedTrace{id: id, seen: map[spanID]struct{}{}, size: traceOverhead}
	s.traces[id] = s.order.PushBack(t)
	s.size += t.size
	return t
}

// evict removes traces, the least recently written first, until the rest fits.
func (s *store) evict() {
	for s.size > s.max {
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
	for _, b := range id {
		if b != 0 {
			return len(id) == length
		}
	}
	return false
}

// encode cannot fail: every message here was decoded before, which checked the same rules.
func encode(m proto.Message) []byte {
	data, err := proto.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", m, err))
	}
	return data
}
