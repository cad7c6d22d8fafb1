package load

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
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
	sender := NewHTTP(server.URL, answered)
	for i := range 4 {
		sender.Send(t.Context(), Arrival{Number: i, SKU: "load-001"})
		sender.Wait()
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
	sender.Send(t.Context(), Arrival{})
	sender.Wait()
	if got[len(got)-1].Problem != "connection refused" {
		t.Errorf("%+v, want the kind of error", got[len(got)-1])
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	sender.Send(ended, Arrival{})
	sender.Wait()
	if got[len(got)-1].Problem != "interrupted" {
		t.Errorf("%+v, want the kind of error", got[len(got)-1])
	}
}
