package load

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace/noop"
)

func TestWhatIsSentAndAnswered(t *testing.T) {
	var mu sync.Mutex
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, r.Method+" "+r.URL.Path+" "+string(body))
		switch len(bodies) {
		case 1:
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"id": "o-1", "trace_id": "t-1", "status": "pending"}`)
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `nonsense`)
		default:
			panic(http.ErrAbortHandler) // the connection breaks off
		}
	}))
	defer server.Close()

	var got []Answer
	answered := func(_ Arrival, a Answer) {
		mu.Lock()
		defer mu.Unlock()
		if a.Sent.IsZero() || a.Done.Before(a.Sent) {
			t.Errorf("sent at %s, done at %s", a.Sent, a.Done)
		}
		got = append(got, Answer{ID: a.ID, TraceID: a.TraceID, Problem: a.Problem})
	}
	send := func(ctx context.Context, sku string) {
		sender := NewHTTP(server.URL, nil, noop.NewTracerProvider().Tracer(""), answered)
		sender.Send(ctx, Arrival{SKU: sku})
		sender.Wait()
	}
	for range 4 {
		send(t.Context(), "load-001")
	}
	want := []Answer{{ID: "o-1", TraceID: "t-1"}, {Problem: "503"}, {Problem: "no order in the answer"}, {Problem: "connection lost"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	const sent = `POST /orders {"customer_id":"loadtest","items":[{"sku":"load-001","quantity":1,"unit_price_cents":1999}]}`
	if bodies[0] != sent {
		t.Errorf("sent %s, want %s", bodies[0], sent)
	}

	server.Close()
	send(t.Context(), "")
	if got[len(got)-1].Problem != "connection refused" {
		t.Errorf("%+v, want the kind of error", got[len(got)-1])
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	send(ended, "")
	if got[len(got)-1].Problem != "interrupted" {
		t.Errorf("%+v, want the kind of error", got[len(got)-1])
	}
}

// A slow answer keeps nothing that comes after it from being sent, and there is no more of anything once all are there.
func TestNoAnswerIsWaitedFor(t *testing.T) {
	const requests = 20
	var open atomic.Int64
	all := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if open.Add(1) == requests {
			close(all)
		}
		<-all
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id": "o-1"}`)
	}))
	defer server.Close()
	var numbers [requests]atomic.Int64
	sender := NewHTTP(server.URL, nil, noop.NewTracerProvider().Tracer(""), func(a Arrival, answer Answer) {
		if answer.Problem != "" {
			t.Error(answer.Problem)
		}
		numbers[a.Number].Add(1)
	})
	for i := range requests {
		sender.Send(t.Context(), Arrival{Number: i})
	}
	sender.Wait()
	for i := range numbers {
		if n := numbers[i].Load(); n != 1 {
			t.Errorf("request %d has %d answers, want 1", i, n)
		}
	}
}
