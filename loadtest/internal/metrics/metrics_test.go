package metrics

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestWhatTheDashboardAsksForIsThere(t *testing.T) {
	m := New(func() int { return 7 })
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	m.Offered()
	m.Offered()
	m.Answered(20*time.Millisecond, "", trace)
	m.Answered(time.Second, "503", "")
	m.Ended(80*time.Millisecond, trace)

	server := httptest.NewServer(m.Handler())
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/openmetrics-text")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"loadtest_offered_total 2.0\n",
		`loadtest_requests_total{result="ok"} 1.0` + "\n",
		`loadtest_requests_total{result="503"} 1.0` + "\n",
		`loadtest_request_duration_seconds_bucket{le="0.025"} 1 # {trace_id="` + trace + `"} 0.02`,
		`loadtest_end_to_end_duration_seconds_bucket{le="0.1"} 1 # {trace_id="` + trace + `"} 0.08`,
		"loadtest_in_flight 7.0\n",
		"loadtest_running 1.0\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
